package import AMQP
package import Logging
import MailQueue
import QueueContracts
import ServiceKit
import ServiceLifecycle

/// Takes the daemons' reports off the bus and puts them on the board.
package struct ReportCollector: Service {
    private let consumer: AMQPConsumer
    private let board: ReportBoard
    private let logger: Logger

    private static let received = Metric.Counter("mail_watchd_reports_total", help: "Reports of daemons received.")
    private static let unreadable = Metric.Counter(
        "mail_watchd_unreadable_reports_total", help: "Reports of daemons that could not be read.")

    /// - Parameter consumer: of `source`; run here, not to be listed as a service of its own.
    package init(consumer: AMQPConsumer, board: ReportBoard, logger: Logger) {
        self.consumer = consumer
        self.board = board
        self.logger = logger
    }

    package static let source = AMQPConsumer.Source.exclusive(
        prefix: "watchd", exchange: Exchange.watch.rawValue, routingKeys: [RoutingKey.daemon("#")])

    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consumer.run() }
            group.addTask { await collect() }
            try await group.waitForAll()
        }
    }

    private func collect() async {
        for await batch in consumer.batches {
            for delivery in batch { take(delivery) }
            if let last = batch.last { consumer.acknowledge(upTo: last) }
        }
    }

    private func take(_ delivery: AMQPDelivery) {
        do throws(ContractError) {
            board.put(try DaemonReport.decode(delivery.body))
            Self.received.increment()
        } catch {
            Self.unreadable.increment()
            logger.warning(
                "unreadable report", metadata: [LogKey.routingKey: "\(delivery.routingKey)", LogKey.error: "\(error)"])
        }
    }
}
