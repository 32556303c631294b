import AMQP
import MailQueue
import QueueContracts
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Each daemon's user on a broker: it can do what its arrows need and nothing else. Takes over the users of the broker,
/// and so runs only on one that is there for it.
@Suite(
    .serialized, .enabled(if: TestBroker.isAvailable, Comment(rawValue: TestBroker.reason)),
    .enabled(if: !BrokerControl.command.isEmpty, Comment(rawValue: BrokerControl.reason)))
struct TopologyTests {
    private static let users = ["smtpd", "classifyd", "filerd", "relayd", "accessd", "watchd"]

    private func with(_ body: @Sendable (String) async throws -> Void) async throws {
        let vhost = TestBroker.uniqueName("vhost")
        let passwords = Dictionary(uniqueKeysWithValues: Self.users.map { ("martlet_\($0)", "pw-\($0)") })
        let file = "/tmp/\(vhost).json"
        try Topology.definitions(queueType: .classic, vhost: vhost, passwords: passwords)
            .write(toFile: file, atomically: false, encoding: .utf8)
        try BrokerControl.run("import_definitions", file)
        defer {
            try? BrokerControl.run("delete_vhost", vhost)
            try? FileManager.default.removeItem(atPath: file)
        }
        try await TestBroker.eventually("the import is done") {
            let admin = AMQPAdmin(configuration: try configuration("watchd", vhost))
            return try await Topology.missing(admin, queueType: .classic).isEmpty
        }
        try await body(vhost)
    }

    private func configuration(_ user: String, _ vhost: String) throws -> AMQPConfiguration {
        let base = try TestBroker.configuration()
        return try AMQPConfiguration(
            url: "amqp://martlet_\(user):pw-\(user)@\(base.host):\(base.port)/\(vhost)", name: user)
    }

    private static let arrows: [String: Set<String>] = [
        "smtpd": ["martlet.mail mail.accepted", "martlet.watch daemon.smtpd", "martlet.watch session.smtpd"],
        "classifyd": [
            "martlet.mail mail.classified", "martlet.mail relay.requested", "martlet.model model.published",
            "martlet.parked mail.parked", "martlet.watch daemon.classifyd",
        ],
        "filerd": [
            "martlet.mail mail.accepted", "martlet.mail mail.classified", "martlet.mail relay.requested",
            "martlet.mailbox mailbox.changed", "martlet.parked mail.parked", "martlet.watch daemon.filerd",
        ],
        "relayd": [
            "martlet.mail mail.accepted", "martlet.mail mail.classified", "martlet.mail relay.requested",
            "martlet.parked mail.parked", "martlet.watch daemon.relayd", "martlet.watch session.relayd",
        ],
        "accessd": [
            "martlet.mail learn.requested", "martlet.mailbox mailbox.changed", "martlet.watch daemon.accessd",
            "martlet.watch session.accessd",
        ],
        "watchd": ["martlet.watch daemon.watchd", "martlet.watch watch.requested"],
    ]

    @Test(arguments: users)
    func `publishes its own arrows and no other`(user: String) async throws {
        try await with { vhost in
            let keys: [(Exchange, String)] =
                [
                    (.mail, "mail.accepted"), (.mail, "mail.classified"), (.mail, "relay.requested"),
                    (.mail, "learn.requested"), (.mail, "x"), (.mailbox, "mailbox.changed"),
                    (.model, "model.published"), (.parked, "mail.parked"),
                    (.watch, "watch.requested"),
                ] + Self.users.flatMap { [(.watch, "daemon.\($0)"), (.watch, "session.\($0)")] }
            for (exchange, key) in keys {
                let isTaken = try await publishes(user, vhost, exchange.rawValue, key)
                #expect(
                    isTaken == Self.arrows[user]?.contains("\(exchange.rawValue) \(key)"), "\(exchange.rawValue) \(key)"
                )
            }
            // The default exchange would reach every queue by its name.
            #expect(try await !publishes(user, vhost, "", "mail.file"))
        }
    }

    /// On a connection of its own, as a refusal ends it.
    private func publishes(_ user: String, _ vhost: String, _ exchange: String, _ key: String) async throws -> Bool {
        let publisher = AMQPPublisher(configuration: try configuration(user, vhost), logger: TestBroker.logger)
        return try await TestBroker.with(publisher) {
            try await publisher.connected()
            do {
                try await publisher.publishConfirmed(exchange: exchange, routingKey: key, body: [], mandatory: false)
                return true
            } catch let error as AMQPError {
                #expect(error.code == .connectionLost)
                return false
            }
        }
    }

    @Test(arguments: users)
    func `reads its own queues and no other, and declares nothing durable`(user: String) async throws {
        try await with { vhost in
            let sources: [(AMQPConsumer.Source, Set<String>)] = [
                (.queue("mail.classify"), ["classifyd"]), (.queue("mail.file"), ["filerd"]),
                (.queue("mail.relay"), ["relayd"]), (.queue("mail.learn"), ["classifyd"]),
                (.queue("mail.parked"), []),
                (.exclusive(prefix: "classifyd", exchange: "martlet.model", routingKeys: [""]), ["classifyd"]),
                (.exclusive(prefix: "accessd", exchange: "martlet.mailbox", routingKeys: [""]), ["accessd"]),
                (.exclusive(prefix: "watchd", exchange: "martlet.watch", routingKeys: ["daemon.#"]), ["watchd"]),
                (.exclusive(prefix: "watchd", exchange: "martlet.watch", routingKeys: ["session.#"]), ["watchd"]),
                (.exclusive(prefix: "smtpd", exchange: "martlet.watch", routingKeys: ["watch.requested"]), ["smtpd"]),
                (.exclusive(prefix: "relayd", exchange: "martlet.watch", routingKeys: ["watch.requested"]), ["relayd"]),
                (.exclusive(prefix: "smtpd", exchange: "martlet.watch", routingKeys: ["session.#"]), []),
                (.exclusive(prefix: user, exchange: "martlet.mail", routingKeys: ["#"]), []),
                (.exclusive(prefix: "watchd", exchange: "martlet.watch", routingKeys: ["#"]), []),
            ]
            for (source, readers) in sources {
                let consumer = AMQPConsumer(
                    configuration: try configuration(user, vhost), source: source, prefetch: 1,
                    logger: TestBroker.logger)
                try await TestBroker.with(consumer) {
                    let end = ContinuousClock.now + (readers.contains(user) ? .seconds(10) : .milliseconds(500))
                    while !consumer.isConnected && .now < end { try await Task.sleep(for: .milliseconds(10)) }
                    #expect(consumer.isConnected == readers.contains(user), "\(source)")
                }
            }
            let admin = AMQPAdmin(configuration: try configuration(user, vhost))
            for attempt in ["mail.file", "mail.new", "\(user).new.queue"] {
                await #expect(throws: AMQPError.self) { try await admin.declareQueue(attempt, arguments: []) }
            }
            await #expect(throws: AMQPError.self) { try await admin.deleteQueue("mail.file") }
            await #expect(throws: AMQPError.self) { try await admin.declareExchange("martlet.new", kind: "topic") }
            #expect(try await admin.depth(ofQueue: "mail.file")?.messages != nil)
        }
    }

    @Test(arguments: QueueType.allCases)
    func `a foreign broker gets the topology by AMQP, again and again`(type: QueueType) async throws {
        let vhost = TestBroker.uniqueName("vhost")
        try BrokerControl.run("add_vhost", vhost)
        defer { try? BrokerControl.run("delete_vhost", vhost) }
        let base = try TestBroker.configuration()
        try BrokerControl.run("set_permissions", "-p", vhost, base.user, ".*", ".*", ".*")
        let admin = AMQPAdmin(configuration: try AMQPConfiguration(url: TestBroker.url(vhost: vhost), name: "test"))
        #expect(
            try await Topology.missing(admin, queueType: type).count == Exchange.allCases.count + Queue.allCases.count)
        try await Topology.apply(admin, queueType: type)
        try await Topology.apply(admin, queueType: type)
        #expect(try await Topology.missing(admin, queueType: type).isEmpty)
        await admin.close()
    }
}
