import AMQP
import IMAPServer
import LineServer
import PostgreSQL
import ServiceKit

/// What accessd reads from its environment.
struct AccessSettings {
    static let keys =
        [
            SettingKey("imap.host", "hosts", default: "0.0.0.0", "addresses to listen on, between commas"),
            SettingKey("imap.port", "port", default: "143", "IMAP with STARTTLS; 0 is off"),
            SettingKey("imap.imaps_port", "port", default: "993", "IMAP over TLS; 0 is off"),
            SettingKey(
                "imap.message_limit", "bytes", default: "\(IMAPOptions().messageLimit)", "largest message of APPEND"),
            SettingKey("imap.idle_timeout", "duration", default: "30min", "silence before a session is ended"),
            SettingKey("imap.max_connections", "number", default: "20000", "most connections"),
            SettingKey("imap.max_connections_per_address", "number", default: "200", "of one address; 0 is no limit"),
            SettingKey("auth.failures_per_minute", "number", default: "10", "of one client address; 0: no limit"),
            SettingKey("tls.certificate", "path", "PEM file with the certificate chain (required)"),
            SettingKey("tls.key", "path", "PEM file with the private key (required)"),
        ] + SettingKey.postgres + SettingKey.amqp

    let postgres: PostgresConfiguration
    let amqp: AMQPConfiguration
    let listeners: [LineListener]
    let limits: LineLimits
    let certificates: TLSCertificates
    let options: IMAPOptions
    let failuresPerMinute: Int

    init(_ settings: Settings) throws {
        postgres = PostgresConfiguration(
            url: try settings.required("postgres.url"),
            connections: try settings.int("postgres.connections", default: 8, in: 1...1000),
            applicationName: "martlet-accessd")
        amqp = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-accessd")
        failuresPerMinute = try settings.int("auth.failures_per_minute", default: 10, in: 0...1_000_000)
        let ports: [(String, Int, LineTLS)] = [
            ("imap", try settings.port("imap.port", default: 143), .startTLS),
            ("imaps", try settings.port("imap.imaps_port", default: 993), .implicit),
        ]
        let hosts = try settings.list("imap.host", default: ["0.0.0.0"])
        listeners = ports.filter { $0.1 != 0 }.flatMap { role, port, tls in
            hosts.map { LineListener(role: role, host: $0, port: port, tls: tls) }
        }
        certificates = try TLSCertificates(
            certificateFile: try settings.required("tls.certificate"), keyFile: try settings.required("tls.key"))
        var limits = LineLimits()
        limits.maximumConnections = try settings.int("imap.max_connections", default: 20_000, in: 1...1_000_000)
        limits.perAddress = try settings.int("imap.max_connections_per_address", default: 200, in: 0...1_000_000)
        self.limits = limits
        var options = IMAPOptions()
        options.messageLimit = try settings.int(
            "imap.message_limit", default: options.messageLimit, in: 1024...1_073_741_824)
        options.autologout = try settings.duration("imap.idle_timeout", default: options.autologout)
        self.options = options
    }
}
