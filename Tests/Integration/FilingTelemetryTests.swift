import AMQP
import MailQueue
import QueueContracts
import ServiceKit
import Testing

@Suite("Telemetry", .enabled(if: TestBroker.isAvailable, Comment(rawValue: TestBroker.reason)))
struct FilingTelemetryTests {
    @Test("a daemon reports itself at start, again and again, and says when it stops")
    func reports() async throws {
        let admin = AMQPAdmin(configuration: try TestBroker.configuration())
        try await admin.declareExchange(Exchange.watch.rawValue, kind: Exchange.watch.kind)
        await admin.close()
        // A name of its own: other tests may share the broker.
        let name = "test\(UInt32.random(in: .min ... .max))"
        let consumer = AMQPConsumer(
            configuration: try TestBroker.configuration(),
            source: .exclusive(
                prefix: "watchd", exchange: Exchange.watch.rawValue, routingKeys: [RoutingKey.daemon(name)]),
            prefetch: 10, logger: TestBroker.logger)
        let publisher = AMQPPublisher(configuration: try TestBroker.configuration(), logger: TestBroker.logger)
        let settings = Settings(values: ["instance": "one"])
        let reporter = TelemetryReporter(
            daemon: name, settings: settings, publisher: publisher, interval: .milliseconds(50)
        ) { ["PostgreSQL does not answer"] }

        let reports = try await TestBroker.with(consumer) {
            try await TestBroker.eventually("consumer connects") { consumer.isConnected }
            async let received = Self.read(consumer)
            try await TestBroker.with(publisher, reporter) {
                try await TestBroker.eventually("three reports") { publisher.statistics.confirmed >= 3 }
            }
            return try await received
        }
        #expect(reports.count >= 4)
        #expect(reports.allSatisfy { $0.daemon == name && $0.instance == "one" && !$0.ready })
        #expect(reports.first?.reasons == ["PostgreSQL does not answer"])
        #expect((reports.first?.rss ?? 0) > 1_000_000)
        #expect(reports.first?.metrics.contains { $0.name == "process_cpu_seconds_total" } == true)
    }

    /// Up to the last word of the daemon.
    private static func read(_ consumer: AMQPConsumer) async throws -> [DaemonReport] {
        var reports: [DaemonReport] = []
        for await batch in consumer.batches {
            for delivery in batch { reports.append(try DaemonReport.decode(delivery.body)) }
            if let last = batch.last { consumer.acknowledge(upTo: last) }
            if reports.last?.reasons == ["stopping"] { break }
        }
        return reports
    }
}
