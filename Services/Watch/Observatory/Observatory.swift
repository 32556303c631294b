package import AMQP
package import Logging
import MailCore
import QueueContracts
package import ServiceLifecycle

/// The parts of watchd, put together.
package struct Observatory: Sendable {
    private let broker: AMQPConfiguration
    private let board = ReportBoard()
    private let hub = StreamHub()
    private let inspector: HealthInspector
    private let metrics: MetricsPage
    private let sessions: SessionBoard
    private let live: LiveView
    private let api: APIRoutes
    private let logger: Logger

    package init(
        desk: LoginDesk, sources: Sources, mails: MailSource, broker: AMQPConfiguration, publisher: AMQPPublisher,
        instance: String, address: PageAddress, logger: Logger
    ) {
        self.broker = broker
        self.logger = logger
        inspector = HealthInspector(board: board, sources: sources)
        metrics = MetricsPage(board: board, sources: sources, instance: instance)
        sessions = SessionBoard(
            consumer: AMQPConsumer(
                configuration: broker, source: SessionBoard.source, prefetch: 20, logger: logger),
            hub: hub, watcher: "\(instance) \(UUIDv7.next(at: .now()))", logger: logger
        ) { request in
            publisher.publish(
                exchange: Exchange.watch.rawValue, routingKey: RoutingKey.watchRequested, body: request.encoded(),
                mandatory: false, persistent: false)
        }
        let reader = Reader(mails: mails, sources: sources, inspector: inspector, board: board)
        live = LiveView(hub: hub, reader: reader, sessions: sessions, desk: desk, logger: logger)
        api = APIRoutes(
            desk: desk, reader: reader, sessions: sessions, hub: hub, live: live, address: address, logger: logger)
    }

    /// In the order of their start; the page goes first when all ends.
    package func services(host: String, port: Int) -> [any Service] {
        [
            ReportCollector(
                consumer: AMQPConsumer(
                    configuration: broker, source: ReportCollector.source, prefetch: 200, logger: logger),
                board: board, logger: logger),
            sessions, live,
            WatchServer(
                host: host, port: port, board: board, inspector: inspector, metrics: metrics, api: api, logger: logger),
        ]
    }
}
