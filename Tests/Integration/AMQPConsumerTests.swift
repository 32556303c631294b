import AMQP
import Synchronization
import Testing

@Suite(.enabled(if: TestBroker.isAvailable, Comment(rawValue: TestBroker.reason)))
struct AMQPConsumerTests {
    private func consumer(
        _ source: AMQPConsumer.Source, prefetch: UInt16 = 100, _ configuration: AMQPConfiguration? = nil,
        onConnect: (@Sendable () -> Void)? = nil
    ) throws -> AMQPConsumer {
        AMQPConsumer(
            configuration: try configuration ?? TestBroker.configuration(), source: source, prefetch: prefetch,
            logger: TestBroker.logger, onConnect: onConnect)
    }

    private func publisher() throws -> AMQPPublisher {
        AMQPPublisher(configuration: try TestBroker.configuration(), logger: TestBroker.logger)
    }

    /// Reads until `count` deliveries have come.
    private static func read(
        _ count: Int, from consumer: AMQPConsumer, acknowledging: Bool = true
    ) async -> [AMQPDelivery] {
        var deliveries: [AMQPDelivery] = []
        for await batch in consumer.batches {
            #expect(!batch.isEmpty)
            deliveries += batch
            if acknowledging, let last = batch.last { consumer.acknowledge(upTo: last) }
            if deliveries.count >= count { break }
        }
        return deliveries
    }

    private static func fill(_ queue: String, _ publisher: AMQPPublisher, _ numbers: Range<Int>) async throws {
        try await publisher.connected()
        for number in numbers { publisher.publish(exchange: "", routingKey: queue, body: Array("\(number)".utf8)) }
        try await TestBroker.eventually("confirms") { publisher.statistics.pending == 0 }
    }

    @Test func `what has arrived comes in batches, in order, and one acknowledgement takes it all`() async throws {
        try await TestBroker.withQueue { queue, admin in
            let publisher = try publisher(), consumer = try consumer(.queue(queue))
            try await TestBroker.with(publisher, consumer) {
                try await Self.fill(queue, publisher, 0..<3000)
                let deliveries = await Self.read(3000, from: consumer)
                #expect(deliveries.map { String(decoding: $0.body, as: UTF8.self) } == (0..<3000).map(String.init))
                #expect(deliveries.allSatisfy { !$0.redelivered && $0.routingKey == queue })
            }
            #expect(try await admin.depth(ofQueue: queue) == .some(AMQPQueueDepth(messages: 0, consumers: 0)))
        }
    }

    @Test func `no more than the prefetch is given out`() async throws {
        try await TestBroker.withQueue { queue, admin in
            let publisher = try publisher(), consumer = try consumer(.queue(queue), prefetch: 10)
            try await TestBroker.with(publisher, consumer) {
                try await Self.fill(queue, publisher, 0..<50)
                try await TestBroker.eventually("ten are given out") {
                    try await admin.depth(ofQueue: queue)?.messages == 40
                }
                #expect(await Self.read(10, from: consumer, acknowledging: false).count == 10)
                #expect(try await admin.depth(ofQueue: queue)?.messages == 40)
            }
            #expect(try await admin.depth(ofQueue: queue)?.messages == 50)
        }
    }

    @Test func `after a cut everything unacknowledged comes again, and old acknowledgements say nothing`() async throws
    {
        let proxy = try TestBroker.proxy()
        defer { proxy.stop() }
        try await TestBroker.withQueue { queue, admin in
            let publisher = try publisher()
            let consumer = try consumer(.queue(queue), TestBroker.configuration(through: proxy))
            try await TestBroker.with(publisher, consumer) {
                try await Self.fill(queue, publisher, 0..<20)
                let old = await Self.read(20, from: consumer, acknowledging: false)
                proxy.failOpenConnections(.cut(after: 0))
                try await Self.fill(queue, publisher, 20..<21)
                let again = await Self.read(21, from: consumer, acknowledging: false)
                #expect(again.count == 21 && again.prefix(20).allSatisfy(\.redelivered))
                #expect(again[0].generation > old[0].generation)
                consumer.acknowledge(upTo: old[19])
                consumer.acknowledge(upTo: again[4])
            }
            #expect(try await admin.depth(ofQueue: queue)?.messages == 16)
        }
    }

    @Test func `a consumer waits for its queue, and comes back to it`() async throws {
        let admin = AMQPAdmin(configuration: try TestBroker.configuration())
        let queue = TestBroker.uniqueName("late")
        let publisher = try publisher(), consumer = try consumer(.queue(queue))
        try await TestBroker.with(publisher, consumer) {
            for round in 0..<2 {
                try await admin.declareQueue(queue, arguments: [])
                try await Self.fill(queue, publisher, round..<round + 1)
                #expect(await Self.read(1, from: consumer).map(\.body) == [Array("\(round)".utf8)])
                // basic.cancel: the broker ends the consumer of a queue that is deleted.
                try await admin.deleteQueue(queue)
            }
        }
        await admin.close()
    }

    @Test func `an exclusive queue is bound at every connect, and the reader is told`() async throws {
        let proxy = try TestBroker.proxy()
        defer { proxy.stop() }
        let admin = AMQPAdmin(configuration: try TestBroker.configuration())
        let exchange = "amq.fanout"
        let connects = Counter()
        let publisher = try publisher()
        let consumer = try consumer(
            .exclusive(prefix: "martlettest", exchange: exchange, routingKeys: [""]),
            TestBroker.configuration(through: proxy), onConnect: { connects.increment() })
        let marker = Array(TestBroker.uniqueName("marker").utf8)
        try await TestBroker.with(publisher, consumer) {
            try await publisher.connected()
            for round in 1...2 {
                try await TestBroker.eventually("it connects") { connects.value == round }
                publisher.publish(exchange: exchange, routingKey: "", body: marker, mandatory: false)
                var found = false
                while !found { found = await Self.read(1, from: consumer).contains { $0.body == marker } }
                proxy.failOpenConnections(.cut(after: 0))
                // Something must move for the cut to be felt.
                publisher.publish(exchange: exchange, routingKey: "", body: [], mandatory: false)
            }
        }
        await admin.close()
    }

    @Test func `shutdown ends the batches and takes the last acknowledgement`() async throws {
        try await TestBroker.withQueue { queue, admin in
            let publisher = try publisher(), consumer = try consumer(.queue(queue), prefetch: 5)
            let isReading = Counter()
            async let reader: [AMQPDelivery] = {
                var all: [AMQPDelivery] = []
                for await batch in consumer.batches {
                    all += batch
                    isReading.increment()
                    try? await Task.sleep(for: .milliseconds(300))  // works while the shutdown begins
                    if let last = batch.last { consumer.acknowledge(upTo: last) }
                }
                return all
            }()
            try await TestBroker.with(publisher, consumer) {
                try await Self.fill(queue, publisher, 0..<50)
                try await TestBroker.eventually("it reads") { isReading.value == 1 }
            }
            let taken = await reader.count
            #expect(taken > 0 && taken <= 10)
            #expect(try await admin.depth(ofQueue: queue)?.messages == 50 - taken)
        }
    }

    @Test func `reading ends when its task is cancelled`() async throws {
        try await TestBroker.withQueue { queue, _ in
            let consumer = try consumer(.queue(queue))
            try await TestBroker.with(consumer) {
                let reader = Task { await Self.read(1, from: consumer) }
                try await TestBroker.eventually("it connects") { consumer.isConnected }
                reader.cancel()
                #expect(await reader.value.isEmpty)
            }
        }
    }

    @Test func `queues can be looked at and declared`() async throws {
        let admin = AMQPAdmin(configuration: try TestBroker.configuration())
        let queue = TestBroker.uniqueName("admin")
        #expect(try await admin.depth(ofQueue: queue) == nil)
        try await admin.declareQueue(queue, arguments: [("x-max-length", .integer(5))])
        try await admin.declareQueue(queue, arguments: [("x-max-length", .integer(5))])
        await #expect { try await admin.declareQueue(queue, arguments: []) } throws: {
            ($0 as? AMQPError)?.code == .refused(406)
        }
        try await admin.bind(queue: queue, exchange: "amq.topic", routingKey: "a.b")
        #expect(try await admin.depth(ofQueue: queue)?.messages == 0)
        #expect(try await admin.exchangeExists("amq.topic"))
        #expect(try await !admin.exchangeExists("martlet.test.missing"))
        try await admin.deleteQueue(queue)
        #expect(try await admin.depth(ofQueue: queue) == nil)
        await admin.close()
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)
    func increment() { count.withLock { $0 += 1 } }
    var value: Int { count.withLock { $0 } }
}
