// martlet-filerd: puts classified mail into mailboxes.
//
//   consumes   mail.file (MailClassified hints)
//   publishes  MailboxChanged; MailAccepted and MailClassified again, when a hint got lost (the sweeper); its telemetry
//   stores     mailbox entries, mailbox counters, history; deletes finished work and unreferenced bodies
//   standards  RFC 5321 4.4 (Return-Path), RFC 3501 2.3.1.1 (UIDs)
//   limits     256 mails a transaction, one transaction in flight; start more filerds for more
import AMQP
import MailCore
import MailQueue
import MailboxFiler
import PostgreSQL
import QueueContracts
import ServiceKit
import ServiceLifecycle
import Storage

@main
struct Filerd {
    /// Hints, of up to 128 mails each. What a killed filerd had taken waits for the next, so it takes few.
    private static let prefetch: UInt16 = 32

    static func main() async {
        await Daemon.main("filerd", description: "puts classified mail into mailboxes") { settings, logger in
            let tryLimit = try settings.duration("queues.try_limit")
            var postgres = PostgresConfiguration(
                url: try settings.required("postgres.url"), connections: try settings.int("postgres.connections"),
                applicationName: "martlet-filerd")
            postgres.lockTimeout = BatchProcessor.lockTimeout(tryLimit)
            let pool = PostgresPool(configuration: postgres, logger: logger)
            let broker = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-filerd")
            let queues = try settings.choice("queues.type", default: QueueType.classic)
            let batch = try settings.int("filer.batch")

            let publisher = AMQPPublisher(configuration: broker, logger: logger)
            let hints = HintPublisher(publisher: publisher)
            let consumer = AMQPConsumer(
                configuration: broker, source: .queue(queues.name(of: .file)), prefetch: Self.prefetch, logger: logger)
            let filer = MailboxFiler(store: FilingStore(pool: pool), hints: hints, logger: logger)
            let work = WorkStore(pool: pool)
            let housekeeping = Housekeeping(
                reaper: Reaper(
                    pool: pool,
                    delay: try settings.live { try $0.duration("reaper.delay") }),
                work: work,
                partitions: EventPartitions(
                    pool: pool, keepDays: try settings.live { try $0.int("history.days") }),
                interval: try settings.live { try $0.duration("housekeeping.interval") },
                logger: logger)
            return [
                pool, publisher,
                StageConsumer(
                    stage: .file, consumer: consumer, work: work, hints: hints, maximumBatch: batch,
                    deadline: .endsProcess(after: tryLimit), logger: logger,
                    handler: filer.file),
                Sweeper(
                    work: work, hints: hints,
                    broker: .init(publisher: publisher, admin: AMQPAdmin(configuration: broker), queueType: queues),
                    logger: logger),
                housekeeping,
                TelemetryReporter(daemon: "filerd", settings: settings, publisher: publisher) {
                    await Readiness.postgres(pool) + Readiness.broker(publisher, [consumer])
                },
            ]
        }
    }
}
