import AMQP
import Testing

@Suite(.enabled(if: TestBroker.isAvailable, Comment(rawValue: TestBroker.reason)))
struct AMQPPublisherTests {
    private func publisher(_ configuration: AMQPConfiguration? = nil) throws -> AMQPPublisher {
        AMQPPublisher(configuration: try configuration ?? TestBroker.configuration(), logger: TestBroker.logger)
    }

    @Test func `two thousand callers get their confirms together`() async throws {
        try await TestBroker.withQueue { queue, admin in
            let publisher = try publisher()
            try await TestBroker.with(publisher) {
                try await publisher.connected()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<2000 {
                        group.addTask {
                            try await publisher.publishConfirmed(
                                exchange: "", routingKey: queue, body: Array("\(number)".utf8))
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(publisher.statistics.confirmed == 2000 && publisher.statistics.pending == 0)
            }
            #expect(try await admin.depth(ofQueue: queue)?.messages == 2000)
        }
    }

    @Test func `a message that no queue takes comes back, and only that one`() async throws {
        try await TestBroker.withQueue { queue, _ in
            let publisher = try publisher()
            try await TestBroker.with(publisher) {
                try await publisher.connected()
                async let good: Void = publisher.publishConfirmed(exchange: "", routingKey: queue, body: [1])
                await #expect(throws: AMQPError(.returned)) {
                    try await publisher.publishConfirmed(
                        exchange: "", routingKey: "\(queue).missing", body: [UInt8](repeating: 0, count: 100_000))
                }
                try await publisher.publishConfirmed(
                    exchange: "", routingKey: "\(queue).missing", body: [], mandatory: false)
                try await good
            }
        }
    }

    @Test func `a full queue with reject-publish refuses`() async throws {
        let full: [(key: String, value: AMQPArgument)] = [
            ("x-queue-version", .integer(2)), ("x-max-length", .integer(1)), ("x-overflow", .text("reject-publish")),
        ]
        try await TestBroker.withQueue(arguments: full) { queue, _ in
            let publisher = try publisher()
            try await TestBroker.with(publisher) {
                try await publisher.connected()
                try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [1])
                await #expect(throws: AMQPError(.nacked)) {
                    try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [2])
                }
                #expect(publisher.statistics.nacked == 1)
            }
        }
    }

    @Test func `without a broker publishing is refused at once`() async throws {
        let proxy = try TestBroker.proxy()
        let configuration = try TestBroker.configuration(through: proxy)
        proxy.stop()
        let publisher = try publisher(configuration)
        try await TestBroker.with(publisher) {
            let start = ContinuousClock.now
            for _ in 0..<1000 { #expect(!publisher.publish(exchange: "", routingKey: "x", body: [1])) }
            await #expect(throws: AMQPError.self) {
                try await publisher.publishConfirmed(exchange: "", routingKey: "x", body: [1])
            }
            #expect(ContinuousClock.now - start < .seconds(1))
            #expect(publisher.statistics.dropped == 1000)
        }
    }

    @Test func `a cut connection fails who waits and is made anew`() async throws {
        let proxy = try TestBroker.proxy()
        defer { proxy.stop() }
        let publisher = try publisher(TestBroker.configuration(through: proxy))
        try await TestBroker.withQueue { queue, _ in
            try await TestBroker.with(publisher) {
                for round in 1...3 {
                    try await publisher.connected()
                    proxy.failOpenConnections(.cut(after: 0))
                    await #expect(throws: AMQPError.self) {
                        try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [1])
                    }
                    try await TestBroker.eventually("it connects again") {
                        publisher.statistics.connections == UInt64(round + 1)
                    }
                    try await publisher.connected()
                    try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [2])
                }
            }
        }
    }

    @Test func `a broker that falls silent is given up`() async throws {
        let proxy = try TestBroker.proxy()
        defer { proxy.stop() }
        var configuration = try TestBroker.configuration(through: proxy)
        configuration.confirmTimeout = .seconds(1)
        configuration.confirmedPublishTimeout = .milliseconds(300)
        let publisher = try publisher(configuration)
        try await TestBroker.withQueue { queue, _ in
            try await TestBroker.with(publisher) {
                try await publisher.connected()
                proxy.failOpenConnections(.silence(after: 0))
                await #expect(throws: AMQPError(.timedOut)) {
                    try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [1])
                }
                try await TestBroker.eventually("it gives up and connects again") {
                    publisher.statistics.connections == 2
                }
                try await publisher.connected()
                try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [2])
            }
        }
    }

    @Test func `what waits is bounded`() async throws {
        let proxy = try TestBroker.proxy()
        defer { proxy.stop() }
        let publisher = try publisher(TestBroker.configuration(through: proxy))
        try await TestBroker.withQueue { queue, _ in
            try await TestBroker.with(publisher) {
                try await publisher.connected()
                proxy.failOpenConnections(.silence(after: 0))
                var taken = 0
                while publisher.publish(exchange: "", routingKey: queue, body: [1]) { taken += 1 }
                #expect(taken == AMQPPublisher.maximumPending)
                #expect(
                    !publisher.publish(exchange: "", routingKey: queue, body: [UInt8](repeating: 0, count: 200_000)))
            }
        }
    }

    @Test func `a publish that the broker refuses costs the connection, not the publisher`() async throws {
        try await TestBroker.withQueue { queue, _ in
            let publisher = try publisher()
            try await TestBroker.with(publisher) {
                try await publisher.connected()
                await #expect(throws: AMQPError.self) {
                    try await publisher.publishConfirmed(exchange: "martlet.test.missing", routingKey: "", body: [1])
                }
                try await TestBroker.eventually("it connects again") { publisher.statistics.connections == 2 }
                try await publisher.connected()
                try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [1])
            }
        }
    }

    @Test func `shutdown sends what waits`() async throws {
        try await TestBroker.withQueue { queue, admin in
            let publisher = try publisher()
            try await TestBroker.with(publisher) {
                try await publisher.connected()
                for number in 0..<5000 {
                    #expect(publisher.publish(exchange: "", routingKey: queue, body: Array("\(number)".utf8)))
                }
            }
            #expect(try await admin.depth(ofQueue: queue)?.messages == 5000)
            #expect(!publisher.isConnected && publisher.statistics.confirmed == 5000)
        }
    }
}
