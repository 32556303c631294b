#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif
import AMQP
import Synchronization
import Testing

/// `rabbitmqctl` for the broker of `MARTLET_TEST_AMQP_URL`, as one command, named by `MARTLET_TEST_RABBITMQCTL`.
private enum BrokerControl {
    static let command = getenv("MARTLET_TEST_RABBITMQCTL").map { String(cString: $0) } ?? ""
    static let reason = "MARTLET_TEST_RABBITMQCTL is not set: these tests raise alarms and close connections on the broker"

    struct Failed: Error { let arguments: [String] }

    static func run(_ arguments: String...) throws {
        var words: [UnsafeMutablePointer<CChar>?] = ([command, "-q"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        var status: Int32 = 0
        guard posix_spawnp(&pid, command, nil, nil, &words, environ) == 0, waitpid(pid, &status, 0) == pid, status == 0
        else { throw Failed(arguments: arguments) }
    }
}

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
                for round in 0..<5 {
                    try await publisher.connected()
                    try BrokerControl.run("close_all_connections", "test")
                    let start = ContinuousClock.now
                    try await TestBroker.eventually("round \(round) gets through") {
                        try? await publisher.publishConfirmed(exchange: "", routingKey: queue, body: Array("\(round)".utf8))
                        return received.contains("\(round)")
                    }
                    #expect(ContinuousClock.now - start < .seconds(10))
                }
                reader.cancel()
            }
        }
    }
}

private final class Received: Sendable {
    private let bodies = Mutex(Set<String>())
    func insert(_ batch: [AMQPDelivery]) {
        bodies.withLock { bodies in for delivery in batch { bodies.insert(String(decoding: delivery.body, as: UTF8.self)) } }
    }
    func contains(_ body: String) -> Bool { bodies.withLock { $0.contains(body) } }
}
