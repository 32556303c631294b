// martlet-watchd: what an operator and a monitoring system look at. On no mail's path.
//
//   consumes   telemetry of all daemons (martlet.watch, daemon.#), on a queue of its own
//   publishes  nothing
//   stores     nothing; reads counts of unfinished work
//   serves     HTTP: / , /metrics (Prometheus text), /health/live, /health/ready
//   limits     256 connections, 16 KiB of request header, no request bodies
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
        await Daemon.main("watchd", description: "metrics and health over HTTP") { settings, logger in
            let pool = PostgresPool(
                configuration: PostgresConfiguration(
                    url: try settings.required("postgres.url"),
                    connections: try settings.int("postgres.connections"),
                    applicationName: "martlet-watchd"),
                logger: logger)
            let broker = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-watchd")
            let queues = try settings.choice("queues.type", default: QueueType.classic)
            let board = ReportBoard()
            let consumer = AMQPConsumer(
                configuration: broker, source: ReportCollector.source, prefetch: 200, logger: logger)
            let sources = Sources.live(pool: pool, admin: AMQPAdmin(configuration: broker), queueType: queues)
            return [
                pool,
                ReportCollector(consumer: consumer, board: board, logger: logger),
                WatchServer(
                    host: try settings.text("watch.host"),
                    port: try settings.port("watch.port"),
                    board: board, inspector: HealthInspector(board: board, sources: sources),
                    metrics: MetricsPage(
                        board: board, sources: sources, instance: settings.string("instance", default: "local")),
                    logger: logger),
            ]
        }
    }
}
