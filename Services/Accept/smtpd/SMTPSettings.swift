import AMQP
import LineServer
import Logging
import MailCore
import PostgreSQL
import SMTPServer
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What smtpd reads from its environment.
struct SMTPSettings {
    static let keys =
        [
            SettingKey("smtp.host", "hosts", default: "0.0.0.0", "addresses to listen on, between commas"),
            SettingKey("smtp.mx_port", "port", default: "25", "mail of the world for local accounts; 0 is off"),
            SettingKey("smtp.submission_port", "port", default: "587", "mail of local accounts, STARTTLS; 0 is off"),
            SettingKey("smtp.submissions_port", "port", default: "465", "mail of local accounts, TLS; 0 is off"),
            SettingKey("smtp.hostname", "name", default: "<host name>", "how the server calls itself"),
            SettingKey("smtp.max_size", "bytes", default: "\(MailLimits.messageSize)", "largest mail taken"),
            SettingKey("smtp.max_connections", "number", default: "10000", "most connections"),
            SettingKey(
                "smtp.max_connections_per_address", "number", default: "50", "of one client address; 0: no limit"),
            SettingKey("smtp.idle_timeout", "duration", default: "5min", "silence after which a session ends"),
            SettingKey("smtp.bad_recipients_per_minute", "number", default: "60", "of one client address; 0: no limit"),
            SettingKey("smtp.threads", "number", default: "2", "event loops"),
            SettingKey("auth.failures_per_minute", "number", default: "10", "of one client address; 0: no limit"),
            SettingKey("tls.certificate", "path", "certificate chain, PEM; without it there is no TLS"),
            SettingKey("tls.key", "path", "its private key, PEM"),
            SettingKey("queues.outbox_max", "number", default: "1000000", "unfinished mails that stop acceptance"),
        ] + SettingKey.postgres + SettingKey.amqp

    let postgres: PostgresConfiguration
    let amqp: AMQPConfiguration
    let smtp: SMTPConfiguration
    let listeners: [LineListener]
    let limits: LineLimits
    let certificates: TLSCertificates?
    let outboxMaximum: Int
    let failuresPerMinute: Int

    init(_ settings: Settings, _ logger: Logger) throws {
        postgres = PostgresConfiguration(
            url: try settings.required("postgres.url"),
            connections: try settings.int("postgres.connections", default: 6, in: 3...1000),
            applicationName: "martlet-smtpd")
        amqp = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-smtpd")
        outboxMaximum = try settings.int("queues.outbox_max", default: 1_000_000, in: 1...1_000_000_000)
        failuresPerMinute = try settings.int("auth.failures_per_minute", default: 10, in: 0...1_000_000)
        certificates = try Self.certificates(settings, logger)
        smtp = try Self.smtp(settings, offersTLS: certificates != nil)
        listeners = try Self.listeners(settings, hasTLS: certificates != nil)
        limits = try Self.limits(settings, smtp)
    }

    private static func smtp(_ settings: Settings, offersTLS: Bool) throws -> SMTPConfiguration {
        var smtp = SMTPConfiguration(hostname: settings.string("smtp.hostname", default: hostName()))
        smtp.maximumSize = try settings.int(
            "smtp.max_size", default: MailLimits.messageSize, in: 65_536...1_073_741_824)
        smtp.idleTimeout = try settings.duration(
            "smtp.idle_timeout", default: .seconds(300), in: .seconds(1) ... .seconds(3600))
        smtp.badRecipientsPerMinute = try settings.int("smtp.bad_recipients_per_minute", default: 60, in: 0...1_000_000)
        smtp.offersTLS = offersTLS
        return smtp
    }

    private static func limits(_ settings: Settings, _ smtp: SMTPConfiguration) throws -> LineLimits {
        var limits = LineLimits()
        limits.maximumConnections = try settings.int("smtp.max_connections", default: 10_000, in: 1...1_000_000)
        limits.perAddress = try settings.int("smtp.max_connections_per_address", default: 50, in: 0...1_000_000)
        limits.idle = smtp.idleTimeout
        limits.eventLoops = try settings.int("smtp.threads", default: 2, in: 1...64)
        return limits
    }

    private static func certificates(_ settings: Settings, _ logger: Logger) throws -> TLSCertificates? {
        guard settings.has("tls.certificate") else {
            logger.warning("no TLS: tls.certificate is not set", metadata: [LogKey.reason: "no_certificate"])
            return nil
        }
        return try TLSCertificates(
            certificateFile: try settings.required("tls.certificate"), keyFile: try settings.required("tls.key"),
            logger: logger)
    }

    private static func listeners(_ settings: Settings, hasTLS: Bool) throws -> [LineListener] {
        let hosts = try settings.list("smtp.host", default: ["0.0.0.0"])
        let startTLS = hasTLS ? LineTLS.startTLS : .none
        let ports: [(SMTPRole, Int, LineTLS)] = [
            (.mx, try settings.port("smtp.mx_port", default: 25), startTLS),
            (.submission, try settings.port("smtp.submission_port", default: 587), startTLS),
            (.submissions, hasTLS ? try settings.port("smtp.submissions_port", default: 465) : 0, .implicit),
        ]
        return ports.filter { $0.1 != 0 }.flatMap { role, port, tls in
            hosts.map { LineListener(role: role.rawValue, host: $0, port: port, tls: tls) }
        }
    }

    private static func hostName() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        let found = gethostname(&bytes, bytes.count - 1) == 0
        let name = String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return found && !name.isEmpty ? name : "localhost"
    }
}
