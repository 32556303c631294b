import NIOSSL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The certificate's files.
package enum CertificateCheck {
    package static func files(
        certificate: String, key: String, host: String?, at seconds: Int64
    ) -> [Finding] {
        for path in [certificate, key] where access(path, R_OK) != 0 {
            let reason = String(cString: strerror(errno))
            // The daemons run as another user, who may be allowed to.
            let state: Finding.State = errno == EACCES ? .unknown : .problem
            return [
                Finding(
                    "tls", path, state, "can't be read: \(reason)",
                    why: state == .problem ? "There is no TLS: passwords can't be used." : nil,
                    advice: "Look at MARTLET_TLS_CERTIFICATE and MARTLET_TLS_KEY, or ask again as the daemons' user.")
            ]
        }
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificate)
        } catch {
            return [unusable(certificate, "is no certificate in PEM form")]
        }
        guard let first = chain.first else { return [unusable(certificate, "holds no certificate")] }
        var findings = [CertificateFacts(first).judge(certificate, host: host, at: seconds)]
        do {
            let privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey)))
        } catch {
            findings.append(unusable(key, "is not the private key of \(certificate)"))
        }
        var status = stat()
        if stat(key, &status) == 0, status.st_mode & 0o004 != 0 {
            findings.append(
                Finding(
                    "tls", key, .problem, "can be read by everybody on this machine",
                    why: "Who has the key can pretend to be this server.", advice: "Run: chmod o-rwx \(key)"))
        }
        return findings
    }

    private static func unusable(_ path: String, _ found: String) -> Finding {
        Finding(
            "tls", path, .problem, found, why: "The daemons do not start, or keep the certificate they had.",
            advice:
                "Put the chain, the server's own certificate first, into MARTLET_TLS_CERTIFICATE, "
                + "its key into MARTLET_TLS_KEY."
        )
    }
}
