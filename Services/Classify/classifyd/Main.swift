import AMQP
import Classifier
import MailCore
import MailQueue
import PostgreSQL
import QueueContracts
import ServiceKit
import Storage

/// martlet-classifyd: gives every accepted mail its verdict: ham, spam or phish, with the reasons.
///
/// Consumes `MailAccepted` (queue mail.classify) and `ModelPublished` (its own exclusive queue), publishes
/// `MailClassified`, and `ModelPublished` when it puts the first model there.
/// Stores verdicts, the next stage's work rows and the history; reads the first 64 KiB of a mail.
/// Limits: `MailSample.maximumBytes`, `ClassifyWorker`. Start as many as needed; none knows of the others.
@main
enum Main {
    static func main() async {
        if let command = ModelCommand(Array(CommandLine.arguments.dropFirst())) { command.runAndExit() }
        await Daemon.main(
            "classifyd", description: "gives every accepted mail its verdict", help: ModelCommand.help,
            keys: ClassifySettings.keys
        ) { settings, logger in
            let classify = try ClassifySettings(settings)
            let pool = PostgresPool(configuration: classify.postgres, logger: logger)
            let publisher = AMQPPublisher(configuration: classify.amqp, logger: logger)
            let hints = HintPublisher(publisher: publisher)
            let keeper = ModelKeeper(store: ModelStore(pool: pool), hints: hints, logger: logger) {
                try SnapshotFile.read(classify.snapshot)
            }
            let listener = ModelListener(configuration: classify.amqp, keeper: keeper, logger: logger)
            let worker = ClassifyWorker(
                store: ClassifyStore(pool: pool), keeper: keeper, hints: hints, threads: classify.threads)
            let consumer = AMQPConsumer(
                configuration: classify.amqp, source: .queue(classify.queueType.name(of: .classify)), prefetch: 32,
                logger: logger)
            let stage = StageConsumer(
                stage: .classify, consumer: consumer, work: WorkStore(pool: pool), hints: hints, logger: logger
            ) { try await worker.handle($0) }
            let reporter = TelemetryReporter(daemon: "classifyd", settings: settings, publisher: publisher) {
                await Readiness.postgres(pool) + Readiness.broker(publisher, [consumer])
                    + (keeper.isLoaded ? [] : ["no model of the database is loaded"])
            }
            return [pool, publisher, keeper, listener, stage, reporter]
        }
    }
}
