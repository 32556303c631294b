import AMQP
import LineServer
import Logging
import MailCore
import PostgreSQL
import SMTPServer
import ServiceKit
import Storage

/// What smtpd reads from its settings (`SettingKey.smtpd`).
struct SMTPSettings {
    let postgres: PostgresConfiguration
    let amqp: AMQPConfiguration
    let listeners: [LineListener]
    let certificates: TLSCertificates?
    let live: Live

    /// What a reload changes.
    struct Live {
        let smtp: SMTPConfiguration
        let limits: LineLimits
        let outboxMaximum: Int
        let failuresPerMinute: Int

        init(_ settings: Settings, offersTLS: Bool) throws {
            smtp = try SMTPSettings.smtp(settings, offersTLS: offersTLS)
            limits = try SMTPSettings.limits(settings, smtp)
            outboxMaximum = try settings.int("queues.outbox_max")
            failuresPerMinute = try settings.int("auth.failures_per_minute")
        }
    }

    init(_ settings: Settings, _ logger: Logger) throws {
        var database = PostgresConfiguration(
            url: try settings.required("postgres.url"),
            connections: try settings.int("postgres.connections") - AcceptanceQueue.inFlight,
            applicationName: "martlet-smtpd")
        // A host that vanished says nothing: with the wait for a connection, a client still has its 451 within 10 s.
        database.acquireTimeout = .seconds(4)
        database.patience = .seconds(5)
        postgres = database
        amqp = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-smtpd")
        certificates = try Self.certificates(settings, logger)
        live = try Live(settings, offersTLS: certificates != nil)
        listeners = try Self.listeners(settings, hasTLS: certificates != nil)
    }

    private static func smtp(_ settings: Settings, offersTLS: Bool) throws -> SMTPConfiguration {
        var smtp = SMTPConfiguration(hostname: settings.string("smtp.hostname", default: HostName.current))
        smtp.maximumSize = try settings.int("smtp.max_size")
        smtp.idleTimeout = try settings.duration("smtp.idle_timeout")
        smtp.dataGrace = try settings.duration("smtp.slow_data")
        smtp.badRecipientsPerMinute = try settings.int("smtp.bad_recipients_per_minute")
        smtp.offersTLS = offersTLS
        return smtp
    }

    private static func limits(_ settings: Settings, _ smtp: SMTPConfiguration) throws -> LineLimits {
        var limits = LineLimits()
        limits.maximumConnections = try settings.int("smtp.max_connections")
        limits.perAddress = try settings.int("smtp.max_connections_per_address")
        limits.idle = smtp.idleTimeout
        limits.commandDeadline = try settings.duration("smtp.command_timeout")
        limits.eventLoops = try settings.int("smtp.threads")
        return limits
    }

    private static func certificates(_ settings: Settings, _ logger: Logger) throws -> TLSCertificates? {
        guard settings.has("tls.certificate") else {
            logger.warning("no TLS: tls.certificate is not set", metadata: [LogKey.reason: "no_certificate"])
            return nil
        }
        return try TLSCertificates(settings: settings, logger: logger)
    }

    private static func listeners(_ settings: Settings, hasTLS: Bool) throws -> [LineListener] {
        let hosts = try settings.list("smtp.host")
        let startTLS = hasTLS ? LineTLS.startTLS : .none
        let ports: [(SMTPRole, Int, LineTLS)] = [
            (.mx, try settings.port("smtp.mx_port"), startTLS),
            (.submission, try settings.port("smtp.submission_port"), startTLS),
            (.submissions, hasTLS ? try settings.port("smtp.submissions_port") : 0, .implicit),
        ]
        return ports.filter { $0.1 != 0 }.flatMap { role, port, tls in
            hosts.map { LineListener(role: role.rawValue, host: $0, port: port, tls: tls) }
        }
    }
}
