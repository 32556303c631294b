import Diagnosis
import MailCore
import ServiceKit

/// What the daemons' settings say about where they are.
struct DoctorSubject {
    /// The name that clients know; `nil` when it was not set.
    let host: String?
    /// Folders whose file systems must have room.
    let paths: [String]
    private let ports: [ServicePort]
    private let files: (certificate: String, key: String)?
    private let authorities: String

    init(server: ServerOptions, authorities: String?) throws {
        let smtpd = Settings(program: "smtpd")
        let accessd = Settings(program: "accessd")
        let configured = smtpd.string("smtp.hostname", default: "")
        host = server.host ?? (configured.isEmpty ? nil : configured)
        paths = try Settings(program: "martlet").list("doctor.paths")
        self.authorities = authorities ?? ""
        let certificate = smtpd.string("tls.certificate", default: accessd.string("tls.certificate", default: ""))
        let key = smtpd.string("tls.key", default: accessd.string("tls.key", default: ""))
        files = certificate.isEmpty && key.isEmpty ? nil : (certificate, key)
        ports =
            try Self.smtp(smtpd, hasTLS: files != nil) + Self.access(accessd) + Self.watch(Settings(program: "watchd"))
    }

    private static func smtp(_ settings: Settings, hasTLS: Bool) throws -> [ServicePort] {
        let host = try reachable(settings.list("smtp.host"))
        return [
            ServicePort(
                "SMTP", daemon: "smtpd", host: host, port: try settings.port("smtp.mx_port"),
                dialogue: .smtp, security: hasTLS ? .startTLS : .none),
            ServicePort(
                "submission", daemon: "smtpd", host: host,
                port: try settings.port("smtp.submission_port"),
                dialogue: .smtp, security: .startTLS),
            ServicePort(
                "submissions", daemon: "smtpd", host: host,
                port: try settings.port("smtp.submissions_port"), dialogue: .smtp, security: .implicit),
        ].filter { $0.port != 0 }
    }

    private static func access(_ settings: Settings) throws -> [ServicePort] {
        let imap = try reachable(settings.list("imap.host"))
        let pop3 = try reachable(settings.list("pop3.host"))
        func port(
            _ name: String, _ host: String, _ key: String, _ dialogue: ServicePort.Dialogue,
            _ security: ServicePort.Security
        ) throws -> ServicePort {
            ServicePort(
                name, daemon: "accessd", host: host, port: try settings.port(key),
                dialogue: dialogue,
                security: security)
        }
        return try [
            port("IMAP", imap, "imap.port", .imap, .startTLS),
            port("IMAPS", imap, "imap.imaps_port", .imap, .implicit),
            port("POP3", pop3, "pop3.port", .pop3, .startTLS),
            port("POP3S", pop3, "pop3.pop3s_port", .pop3, .implicit),
        ].filter { $0.port != 0 }
    }

    private static func watch(_ settings: Settings) throws -> [ServicePort] {
        let host = reachable([try settings.text("watch.host")])
        let port = try settings.port("watch.port")
        return [ServicePort("HTTP", daemon: "watchd", host: host, port: port, dialogue: .http, security: .none)]
    }

    /// Where a listener on all addresses can be reached from here.
    private static func reachable(_ hosts: [String]) -> String {
        switch hosts.first {
        case "0.0.0.0"?, nil: "127.0.0.1"
        case "::"?: "::1"
        case let host?: host
        }
    }

    func certificates() -> [Finding] {
        guard let files else {
            return [
                Finding(
                    "tls", "certificate", .unknown, "MARTLET_TLS_CERTIFICATE is not set here",
                    advice: "Run this with the daemons' settings to have its file checked, too.")
            ]
        }
        return CertificateCheck.files(
            certificate: files.certificate, key: files.key, host: host, at: Timestamp.now().seconds)
    }

    func checkPorts() async -> [Finding] {
        let now = Timestamp.now().seconds
        return await withTaskGroup(of: (Int, [Finding]).self) { group in
            for (index, port) in ports.enumerated() {
                group.addTask { (index, await PortCheck(port, host: host, authorities: authorities, at: now).run()) }
            }
            var all: [(Int, [Finding])] = []
            for await found in group { all.append(found) }
            return all.sorted { $0.0 < $1.0 }.flatMap(\.1).merged
        }
    }
}
