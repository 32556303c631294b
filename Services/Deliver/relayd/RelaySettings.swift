import AMQP
import DNSResolver
import MailQueue
import PostgreSQL
import QueueContracts
import SMTPRelay
import ServiceKit

/// What relayd reads at its start.
struct RelaySettings {
    let postgres: PostgresConfiguration
    let tryLimit: Duration
    let amqp: AMQPConfiguration
    let queues: QueueType
    let dns: DNSConfiguration
    let policy: AddressPolicy
    let hostname: String
    let port: Int
    let live: Live

    /// What a reload changes.
    struct Live {
        let schedule: RelaySchedule
        let limits: RelayLimits

        init(_ settings: Settings) throws {
            schedule = RelaySchedule(
                delays: try settings.durations("relay.retry_schedule"), expiry: try settings.duration("relay.expiry"))
            var limits = RelayLimits()
            limits.connections = try settings.int("relay.connections")
            limits.perDestination = try settings.int("relay.connections_per_destination")
            limits.lease = try settings.duration("relay.lease")
            self.limits = limits
        }
    }

    init(_ settings: Settings) throws {
        tryLimit = try settings.duration("queues.try_limit")
        var postgres = PostgresConfiguration(
            url: try settings.required("postgres.url"), connections: try settings.int("postgres.connections"),
            applicationName: "martlet-relayd")
        postgres.lockTimeout = BatchProcessor.lockTimeout(tryLimit)
        self.postgres = postgres
        amqp = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-relayd")
        queues = try settings.choice("queues.type", default: QueueType.classic)
        hostname = settings.string("smtp.hostname", default: HostName.current)
        guard SMTPClientConnection.canGreet(as: hostname) else {
            throw SettingsError(
                variable: Settings.variable(of: "smtp.hostname"), problem: "is \(hostname)",
                expected: "this server's full name in the DNS, as mail.example.org")
        }
        port = try settings.port("relay.port")
        live = try Live(settings)
        var dns = DNSConfiguration()
        if settings.has("dns.zone_file") { dns.zoneFile = try settings.required("dns.zone_file") }
        dns.forwarders = try settings.list("dns.forwarders", default: [])
        self.dns = dns
        let networks = try settings.list("relay.allow", default: []).map { text in
            guard let network = IPNetwork(text) else {
                throw SettingsError(
                    variable: Settings.variable(of: "relay.allow"), problem: "names \(text)",
                    expected: "networks, as 127.0.0.0/8")
            }
            return network
        }
        policy = AddressPolicy(allowed: networks, ownAddresses: OwnAddresses.now(), ownNames: [hostname])
    }
}
