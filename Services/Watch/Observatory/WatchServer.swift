import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import ServiceKit
import ServiceLifecycle

/// The HTTP side of watchd: health and metrics for programs, the page and its API for people.
///
/// Limits: connections, header bytes, body bytes (`RequestGuard`), streams (`StreamHub`), idle time, and time to take an
/// answer (`WriteStall`).
package struct WatchServer: Service {
    private static let maximumConnections = 256
    private static let maximumHeaderBytes = 16 * 1024
    private static let idleTimeout = TimeAmount.seconds(30)

    private let host: String
    private let port: Int
    private let board: ReportBoard
    private let inspector: HealthInspector
    private let metrics: MetricsPage
    private let api: APIRoutes
    private let logger: Logger
    private let stall: TimeAmount
    private let onBound: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - stall: how long a client may leave lying what is written to it.
    ///   - onBound: gets the port once the server listens (the real one, if `port` was 0).
    package init(
        host: String, port: Int, board: ReportBoard, inspector: HealthInspector, metrics: MetricsPage, api: APIRoutes,
        logger: Logger, stall: TimeAmount = .seconds(30), onBound: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.board = board
        self.inspector = inspector
        self.metrics = metrics
        self.api = api
        self.logger = logger
        self.stall = stall
        self.onBound = onBound
    }

    package func run() async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let (logger, onBound, host, stall) = (logger, onBound, host, stall)
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: Self.maximumHeaderBytes, maxHeaderListSize: Self.maximumHeaderBytes,
            maxHeaderFieldCount: 100)
        let application = Application(
            router: router(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [WriteStall(after: stall)], idleTimeout: Self.idleTimeout,
                    httpDecoderConfiguration: decoder)),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.maximumConnections)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                logger.notice("listening", metadata: [LogKey.host: "\(host)", LogKey.port: "\(port)"])
                onBound(port)
            },
            logger: quiet)
        // Streams have no end of their own: shutdown would wait for them.
        let hub = api.hub
        try await withGracefulShutdownHandler {
            try await application.run()
        } onGracefulShutdown: {
            hub.close()
        }
    }

    private func router() -> Router<WatchContext> {
        let router = Router(context: WatchContext.self)
        router.addMiddleware { Precautions(gate: api.gate, logger: logger) }
        let (board, inspector, metrics) = (board, inspector, metrics)
        router.get("/health/live") { _, _ in response(.ok, "text/plain; charset=utf-8", "alive\n") }
        router.get("/health/ready") { _, _ in
            let health = await inspector.health()
            return response(health.isReady ? .ok : .serviceUnavailable, "application/json", JSON.text(health) + "\n")
        }
        router.get("/metrics") { _, _ in response(.ok, PrometheusText.contentType, await metrics.render()) }
        router.get("/status") { _, _ in
            response(.ok, "text/html; charset=utf-8", StatusPage.html(await inspector.health(), board.current()))
        }
        router.get("/") { _, _ in page(PageFiles.index) }
        router.get("/page/:name") { _, context in
            guard let file = context.parameters.get("name").flatMap({ PageFiles.files[$0] }) else {
                throw APIError.notFound
            }
            return page(file)
        }
        api.add(to: router)
        return router
    }
}

private func page(_ file: PageFiles.File) -> Response {
    Response(
        status: .ok, headers: [.contentType: file.type, .contentSecurityPolicy: PageFiles.policy],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes)))
}

private func response(_ status: HTTPResponse.Status, _ type: String, _ text: String) -> Response {
    Response(status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
}
