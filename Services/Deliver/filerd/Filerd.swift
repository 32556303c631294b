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
    /// Hints, of up to 128 mails each. What a killed filerd had taken is done again one by one, so it takes few.
    private static let prefetch: UInt16 = 32

    static let keys =
        SettingKey.postgres + SettingKey.amqp + [
            SettingKey("filer.batch", "number", default: "256", "most mails filed in one transaction"),
            SettingKey("reaper.delay", "duration", default: "24h", "how long a body without a reference is kept"),
            SettingKey("history.days", "number", default: "30", "days that the history of mails is kept"),
            SettingKey("housekeeping.interval", "duration", default: "5min", "between rounds of deleting what is due"),
        ]

    static func main() async {
        await Daemon.main("filerd", description: "puts classified mail into mailboxes", keys: keys) {
            settings, logger in
            let pool = PostgresPool(
                configuration: PostgresConfiguration(
                    url: try settings.required("postgres.url"),
                    connections: try settings.int("postgres.connections", default: 4, in: 2...1000),
                    applicationName: "martlet-filerd"),
                logger: logger)
            let broker = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-filerd")
            let queues = try settings.choice("queues.type", default: QueueType.classic)
            let batch = try settings.int("filer.batch", default: 256, in: 1...256)

            let publisher = AMQPPublisher(configuration: broker, logger: logger)
            let hints = HintPublisher(publisher: publisher)
            let consumer = AMQPConsumer(
                configuration: broker, source: .queue(queues.name(of: .file)), prefetch: Self.prefetch, logger: logger)
            let filer = MailboxFiler(store: FilingStore(pool: pool), hints: hints, logger: logger)
            let work = WorkStore(pool: pool)
            let housekeeping = Housekeeping(
                reaper: Reaper(
                    pool: pool,
                    delay: try settings.duration(
                        "reaper.delay", default: .seconds(86_400), in: .zero ... .seconds(31_536_000))),
                work: work,
                partitions: EventPartitions(
                    pool: pool, keepDays: try settings.int("history.days", default: 30, in: 1...36_500)),
                interval: try settings.duration(
                    "housekeeping.interval", default: .seconds(300), in: .seconds(1) ... .seconds(86_400)),
                logger: logger)
            return [
                pool, publisher,
                StageConsumer(
                    stage: .file, consumer: consumer, work: work, hints: hints, maximumBatch: batch, logger: logger,
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
