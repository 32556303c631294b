import AMQP
import Synchronization
import Testing

@Suite(
    .serialized, .enabled(if: TestBroker.isAvailable, Comment(rawValue: TestBroker.reason)),
    .enabled(if: !BrokerControl.command.isEmpty, Comment(rawValue: BrokerControl.reason)))
struct AMQPFaultTests {
    @Test func `an alarm blocks no caller, is shown, and passes`() async throws {
        try await TestBroker.withQueue { queue, _ in
            var configuration = try TestBroker.configuration()
            configuration.confirmedPublishTimeout = .seconds(2)
            let publisher = AMQPPublisher(configuration: configuration, logger: TestBroker.logger)
            let consumer = AMQPConsumer(
                configuration: try TestBroker.configuration(), source: .queue(queue), prefetch: 100,
                logger: TestBroker.logger)
            try await TestBroker.with(publisher, consumer) {
                try await publisher.connected()
                try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [1])
                try BrokerControl.run("set_vm_memory_high_watermark", "0.00001")
                defer { try? BrokerControl.run("set_vm_memory_high_watermark", "0.4") }

                // More than any buffer holds, while nobody reads it.
                let body = [UInt8](repeating: 7, count: 100_000)
                let start = ContinuousClock.now
                for _ in 0..<500 { publisher.publish(exchange: "", routingKey: queue, body: body) }
                #expect(ContinuousClock.now - start < .seconds(1))
                await #expect(throws: AMQPError.self) {
                    try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [2])
                }
                #expect(ContinuousClock.now - start < .seconds(4))
                #expect(publisher.statistics.isBlocked)

                // What is in the queue can still be consumed and acknowledged.
                for await batch in consumer.batches {
                    if let last = batch.last { consumer.acknowledge(upTo: last) }
                    break
                }
                try BrokerControl.run("set_vm_memory_high_watermark", "0.4")
                try await TestBroker.eventually("the alarm passes") {
                    publisher.isConnected && !publisher.statistics.isBlocked
                }
                try await TestBroker.eventually("all is sent") { publisher.statistics.pending == 0 }
                try await publisher.publishConfirmed(exchange: "", routingKey: queue, body: [3])
            }
        }
    }

    @Test func `closed connections come back within seconds`() async throws {
        try await survives(rounds: 5, within: .seconds(10)) {
            try BrokerControl.run("close_all_connections", "test")
        }
    }

    @Test func `a restarted broker is found again without a manual step`() async throws {
        try await survives(rounds: 2, within: .seconds(15)) {
            try BrokerControl.run("stop_app")
            try await Task.sleep(for: .seconds(3))
            try BrokerControl.run("start_app")
        }
    }

    /// A message gets from a publisher to a consumer within `limit` after each fault.
    private func survives(rounds: Int, within limit: Duration, _ fault: @escaping @Sendable () async throws -> Void)
        async throws
    {
        try await TestBroker.withQueue { queue, _ in
            let publisher = AMQPPublisher(configuration: try TestBroker.configuration(), logger: TestBroker.logger)
            let consumer = AMQPConsumer(
                configuration: try TestBroker.configuration(), source: .queue(queue), prefetch: 100,
                logger: TestBroker.logger)
            let received = Received()
            try await TestBroker.with(publisher, consumer) {
                let reader = Task {
                    for await batch in consumer.batches {
                        received.insert(batch)
                        if let last = batch.last { consumer.acknowledge(upTo: last) }
                    }
                }
                for round in 0..<rounds {
                    try await publisher.connected()
                    try await fault()
                    try await TestBroker.eventually("round \(round) gets through", within: limit) {
                        // A refusal is what the fault is about; the next try counts.
                        try? await publisher.publishConfirmed(
                            exchange: "", routingKey: queue, body: Array("\(round)".utf8))
                        return received.contains("\(round)")
                    }
                }
                reader.cancel()
            }
        }
    }
}

private final class Received: Sendable {
    private let bodies = Mutex(Set<String>())
    func insert(_ batch: [AMQPDelivery]) {
        bodies.withLock { bodies in
            for delivery in batch { bodies.insert(String(decoding: delivery.body, as: UTF8.self)) }
        }
    }
    func contains(_ body: String) -> Bool { bodies.withLock { $0.contains(body) } }
}
