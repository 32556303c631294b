import AMQP
import IMAPServer
import LineServer
import Logging
import POP3Server
import PostgreSQL
import ServiceKit

/// What accessd reads from its settings (`SettingKey.accessd`).
struct AccessSettings {
    let postgres: PostgresConfiguration
    let amqp: AMQPConfiguration
    let listeners: [LineListener]
    let certificates: TLSCertificates
    /// With both IMAP ports off nobody waits for changes of mailboxes.
    let servesIMAP: Bool
    let live: Live

    /// What a reload changes.
    struct Live {
        let limits: LineLimits
        let options: IMAPOptions
        let pop3: POP3Configuration
        let failuresPerMinute: Int

        init(_ settings: Settings) throws {
            failuresPerMinute = try settings.int("auth.failures_per_minute")
            var limits = LineLimits()
            limits.maximumConnections = try settings.int("imap.max_connections")
            limits.perAddress = try settings.int("imap.max_connections_per_address")
            limits.commandDeadline = try settings.duration("pop3.command_timeout")
            self.limits = limits
            var options = IMAPOptions()
            options.messageLimit = try settings.int("imap.message_limit")
            options.autologout = try settings.duration("imap.idle_timeout")
            options.commandDeadline = try settings.duration("imap.command_timeout")
            self.options = options
            var pop3 = POP3Configuration()
            pop3.autologout = try settings.duration("pop3.idle_timeout")
            self.pop3 = pop3
        }
    }

    init(_ settings: Settings, _ logger: Logger) throws {
        postgres = PostgresConfiguration(
            url: try settings.required("postgres.url"), connections: try settings.int("postgres.connections"),
            applicationName: "martlet-accessd")
        amqp = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-accessd")
        let imap = try Self.listeners(
            on: settings.list("imap.host"), ("imap", settings.port("imap.port"), .startTLS),
            ("imaps", settings.port("imap.imaps_port"), .implicit))
        let pop3 = try Self.listeners(
            on: settings.list("pop3.host"), ("pop3", settings.port("pop3.port"), .startTLS),
            ("pop3s", settings.port("pop3.pop3s_port"), .implicit))
        listeners = imap + pop3
        servesIMAP = !imap.isEmpty
        guard !listeners.isEmpty else {
            throw SettingsError(
                variable: Settings.variable(of: "imap.port"), problem: "is 0, and so are the other ports of accessd",
                expected: "a port for IMAP or POP3")
        }
        certificates = try TLSCertificates(settings: settings, logger: logger)
        live = try Live(settings)
    }

    /// A port of 0 is off.
    private static func listeners(on hosts: [String], _ ports: (String, Int, LineTLS)...) -> [LineListener] {
        ports.filter { $0.1 != 0 }.flatMap { role, port, tls in
            hosts.map { LineListener(role: role, host: $0, port: port, tls: tls) }
        }
    }
}
