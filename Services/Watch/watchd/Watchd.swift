// martlet-watchd: what an operator and a monitoring system look at. On no mail's path.
//
//   consumes   telemetry of all daemons (martlet.watch, daemon.#) and what they tell of their sessions (session.#), on
//              queues of its own
//   publishes  watch.requested: "tell me of your sessions", only while somebody watches
//   stores     the key of its tokens, tokens that were revoked; makes parked work due again; reads mails without bodies
//   serves     HTTP: / (the page), /api/v1 (docs/api.md), /status, /metrics (Prometheus text), /health/live, /health/ready
//   standards  RFC 9110 and 9112 (HTTP), 7519 (JWT), 6750 (bearer tokens), server-sent events (HTML Living Standard 9.2)
//   limits     256 connections, 16 KiB of request header, 4 KiB of body, 32 streams; each stream and all that is kept of
//              sessions bounded
import AMQP
import MailQueue
import Observatory
import PostgreSQL
import QueueContracts
import ServiceKit
import ServiceLifecycle

@main
struct Watchd {
    static func main() async {
        await Daemon.main("watchd", description: "the live page, its API, metrics and health") { settings, logger in
            let pool = PostgresPool(
                configuration: PostgresConfiguration(
                    url: try settings.required("postgres.url"),
                    connections: try settings.int("postgres.connections"),
                    applicationName: "martlet-watchd"),
                logger: logger)
            let broker = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-watchd")
            let queues = try settings.choice("queues.type", default: QueueType.classic)
            let sources = Sources.live(pool: pool, admin: AMQPAdmin(configuration: broker), queueType: queues)
            let publisher = AMQPPublisher(configuration: broker, logger: logger)
            let desk = LoginDesk(
                sources: .live(pool: pool, failuresPerMinute: try settings.int("auth.failures_per_minute")))
            settings.onReload { settings in
                let failures = try settings.int("auth.failures_per_minute")
                return { desk.update(failuresPerMinute: failures) }
            }
            let observatory = Observatory(
                desk: desk, sources: sources, mails: .live(pool: pool), broker: broker, publisher: publisher,
                instance: settings.instance,
                address: try PageAddress(
                    origin: try settings.text("watch.origin"), proxies: try settings.list("watch.proxies")),
                logger: logger)
            return [pool, publisher]
                + observatory.services(host: try settings.text("watch.host"), port: try settings.port("watch.port"))
        }
    }
}
