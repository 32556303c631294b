import NIOSSL

/// What matters of a certificate.
package struct CertificateFacts: Sendable, Equatable {
    /// Of the subject alternative names (RFC 6125 6.4; the common name counts no more), lower case.
    package let names: [String]
    /// Seconds since the epoch.
    package let notBefore: Int64
    package let notAfter: Int64

    package init(names: [String], notBefore: Int64, notAfter: Int64) {
        self.names = names
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    init(_ certificate: NIOSSLCertificate) {
        names = certificate._subjectAlternativeNames().filter { $0.nameType == .dnsName }.map { name in
            name.contents.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self).lowercased() }
        }
        notBefore = Int64(certificate.notValidBefore)
        notAfter = Int64(certificate.notValidAfter)
    }

    /// RFC 6125 6.4.3: a `*` stands for one whole label at the left.
    package func isFor(_ host: String) -> Bool {
        let host = host.lowercased()
        return names.contains { name in
            if name == host { return true }
            guard name.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
            return name.dropFirst(1) == host[dot...]
        }
    }

    /// - Parameter host: the name that clients know; `nil` when it is not known here.
    package func judge(_ subject: String, host: String?, at now: Int64) -> Finding {
        let days = (notAfter - now) / 86_400
        let renew = "Renew it; the daemons take up the new files by themselves."
        if notAfter < now {
            return Finding(
                "tls", subject, .problem, "expired \(max(0, -days)) days ago",
                why: "Mail programs refuse to connect, or warn their users.", advice: renew)
        }
        if notBefore > now {
            return Finding(
                "tls", subject, .problem, "is not valid yet", why: "Mail programs refuse to connect.",
                advice: "Is this machine's clock right?")
        }
        if let host, !isFor(host) {
            let list = names.isEmpty ? "no name" : DomainCheck.shown(names.joined(separator: ", "))
            return Finding(
                "tls", subject, .problem, "is for \(list), not for \(host)",
                why: "Mail programs warn their users, or refuse to connect.",
                advice: "Get one for \(host), or set MARTLET_SMTP_HOSTNAME to the name it is for.")
        }
        if days < 14 {
            return Finding(
                "tls", subject, .warning, "expires in \(days) days",
                why: "From then on mail programs refuse to connect.", advice: renew)
        }
        return Finding("tls", subject, .ok, "valid for \(days) days" + (host.map { ", for \($0)" } ?? ""))
    }
}
