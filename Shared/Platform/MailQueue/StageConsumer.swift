package import AMQP
package import Logging
package import MailCore
package import QueueContracts
import ServiceKit
import ServiceLifecycle
import Storage

/// A stage's worker loop: takes the hints that are there, has the handler do the work of their mails in one go, and
/// acknowledges them together afterwards. Runs its `AMQPConsumer` too; do not list that one as a service of its own.
///
/// The handler commits before it returns, and finds for itself what of the mails is still unfinished.
package struct StageConsumer: Service {
    package typealias Handler = @Sendable ([MailHint.Entry]) async throws -> Void

    private let consumer: AMQPConsumer
    private let schema: String
    private let maximumBatch: Int
    private let processor: BatchProcessor

    package init(
        stage: Stage, consumer: AMQPConsumer, work: any TryCounter, hints: HintPublisher, maximumBatch: Int = 256,
        deadline: BatchProcessor.Deadline = .endsProcess(), logger: Logger, handler: @escaping Handler
    ) {
        self.consumer = consumer
        self.schema =
            switch stage {
            case .classify, .late: RoutingKey.mailAccepted
            case .file, .relabel: RoutingKey.mailClassified
            case .relay: RoutingKey.relayRequested
            }
        self.maximumBatch = maximumBatch
        self.processor = BatchProcessor(
            stage: stage, work: work, hints: hints, logger: logger, deadline: deadline, handler: handler)
    }

    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consumer.run() }
            group.addTask { await consume() }
            try await group.waitForAll()
        }
    }

    private func consume() async {
        for await deliveries in consumer.batches {
            for batch in HintBatch.split(deliveries, schema: schema, maximum: maximumBatch) {
                // Not done only at shutdown: without acknowledgement the broker gives it to another worker.
                guard await processor.process(batch) else { return }
                consumer.acknowledge(upTo: batch.last)
            }
        }
    }
}
