// martlet-relayd: delivers mail to the world.
//
//   consumes   mail.relay (RelayRequested hints)
//   publishes  MailAccepted for notifications; every hint again that got lost (the sweeper); its telemetry
//   stores     when and how copies were tried, leases of destinations, notifications as new mails; deletes finished work
//   standards  RFC 5321 4.5.4 (retry), 5 (MX), 6.1 and 3464 (notifications), 7505 (null MX), 6376 (DKIM), 3207, 7435
//   limits     50 connections, 20 to one domain from all hosts together, five days; see --help
import AMQP
import DNSResolver
import MailCore
import MailQueue
import PostgreSQL
import QueueContracts
import SMTPRelay
import ServiceKit
import ServiceLifecycle
import SessionWatch
import Storage

@main
struct Relayd {
    /// Hints, of up to 128 mails each. What a killed relayd had taken waits for the next, so it takes few.
    private static let prefetch: UInt16 = 32

    static func main() async {
        await Daemon.main("relayd", description: "delivers mail to the world") { values, logger in
            let settings = try RelaySettings(values)
            let pool = PostgresPool(configuration: settings.postgres, logger: logger)
            let publisher = AMQPPublisher(configuration: settings.amqp, logger: logger)
            let hints = HintPublisher(publisher: publisher)
            let consumer = AMQPConsumer(
                configuration: settings.amqp, source: .queue(settings.queues.name(of: .relay)),
                prefetch: Self.prefetch, logger: logger)
            let work = WorkStore(pool: pool)
            let resolver = try DNSResolver(configuration: settings.dns)
            let relay = Relay(
                pool: pool, hints: hints, resolver: resolver, policy: settings.policy, helo: settings.hostname,
                port: settings.port, schedule: settings.live.schedule, limits: settings.live.limits, logger: logger)
            values.onReload { values in
                let live = try RelaySettings.Live(values)
                return { relay.update(schedule: live.schedule, limits: live.limits) }
            }
            return [
                pool, publisher, resolver,
                SessionWatch(daemon: "relayd", amqp: settings.amqp, publisher: publisher, logger: logger),
                relay.leases, relay.recorder, relay.dispatcher,
                StageConsumer(
                    stage: .relay, consumer: consumer, work: work, hints: hints,
                    deadline: .endsProcess(after: settings.tryLimit), logger: logger,
                    handler: relay.admit),
                Sweeper(
                    work: work, hints: hints,
                    broker: .init(
                        publisher: publisher, admin: AMQPAdmin(configuration: settings.amqp),
                        queueType: settings.queues),
                    logger: logger),
                TelemetryReporter(daemon: "relayd", settings: values, publisher: publisher) {
                    await Readiness.postgres(pool) + Readiness.broker(publisher, [consumer])
                },
            ]
        }
    }
}
