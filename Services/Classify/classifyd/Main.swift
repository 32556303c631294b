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
/// One of them is the trainer: it learns from what people move into and out of Junk.
///
/// Consumes `MailAccepted` (queue mail.classify), `LearnRequested` (queue mail.learn, one consumer at a time) and
/// `ModelPublished` (its own exclusive queue), publishes `MailClassified`, and `ModelPublished` with each new model.
/// Stores verdicts, the next stage's work rows, the history and models; reads the first 64 KiB of a mail.
/// Limits: `MailSample.maximumBytes`, `ClassifyWorker`, `LessonPlan`. Start as many as needed; none knows of the others.
@main
enum Main {
    static func main() async {
        if let command = ModelCommand(Array(CommandLine.arguments.dropFirst())) { command.runAndExit() }
        await Daemon.main(
            "classifyd", description: "gives every accepted mail its verdict", help: ModelCommand.help
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
                stage: .classify, consumer: consumer, work: WorkStore(pool: pool), hints: hints,
                deadline: classify.tries, logger: logger
            ) { try await worker.handle($0) }
            let trainer = Trainer(
                store: LearnStore(pool: pool), keeper: keeper, hints: hints,
                consumer: AMQPConsumer(
                    configuration: classify.amqp, source: .queue(classify.queueType.name(of: .learn)), prefetch: 32,
                    logger: logger),
                options: classify.learning, deadline: classify.tries, logger: logger)
            let reporter = TelemetryReporter(daemon: "classifyd", settings: settings, publisher: publisher) {
                await Readiness.postgres(pool) + Readiness.broker(publisher, [consumer])
                    + (keeper.isLoaded ? [] : ["no model of the database is loaded"])
            }
            return [pool, publisher, keeper, listener, stage, trainer, reporter]
        }
    }
}
