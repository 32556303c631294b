import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceKit
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The HTTP side of watchd. Only GET and HEAD, nothing with a body.
package struct WatchServer: Service {
    private static let maximumConnections = 256
    private static let maximumHeaderBytes = 16 * 1024
    private static let idleTimeout = TimeAmount.seconds(30)

    private let host: String
    private let port: Int
    private let board: ReportBoard
    private let inspector: HealthInspector
    private let metrics: MetricsPage
    private let logger: Logger
    private let onBound: @Sendable (Int) -> Void

    /// - Parameter onBound: gets the port once the server listens (the real one, if `port` was 0).
    package init(
        host: String, port: Int, board: ReportBoard, inspector: HealthInspector, metrics: MetricsPage, logger: Logger,
        onBound: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.board = board
        self.inspector = inspector
        self.metrics = metrics
        self.logger = logger
        self.onBound = onBound
    }

    package func run() async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let (logger, onBound, host) = (logger, onBound, host)
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: Self.maximumHeaderBytes, maxHeaderListSize: Self.maximumHeaderBytes,
            maxHeaderFieldCount: 100)
        let application = Application(
            router: router(),
            server: .http1(configuration: .init(idleTimeout: Self.idleTimeout, httpDecoderConfiguration: decoder)),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.maximumConnections)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                logger.notice("listening", metadata: [LogKey.host: "\(host)", LogKey.port: "\(port)"])
                onBound(port)
            },
            logger: quiet)
        try await application.run()
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.addMiddleware { Precautions() }
        let (board, inspector, metrics) = (board, inspector, metrics)
        router.get("/health/live") { _, _ in response(.ok, "text/plain; charset=utf-8", "alive\n") }
        router.get("/health/ready") { _, _ in
            let health = await inspector.health()
            return response(health.isReady ? .ok : .serviceUnavailable, "application/json", json(health))
        }
        router.get("/metrics") { _, _ in response(.ok, PrometheusText.contentType, await metrics.render()) }
        router.get("/") { _, _ in
            response(.ok, "text/html; charset=utf-8", StatusPage.html(await inspector.health(), board.current()))
        }
        return router
    }
}

/// Refuses bodies and adds the headers that keep a browser from doing anything with an answer but showing it.
private struct Precautions: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var answer: Response
        if request.headers[.contentLength].map({ $0 != "0" }) ?? (request.headers[.transferEncoding] != nil) {
            answer = response(.contentTooLarge, "text/plain; charset=utf-8", "no body, please\n")
            answer.headers[.connection] = "close"
        } else {
            do {
                answer = try await next(request, context)
            } catch let error as any HTTPResponseError {
                // Wrong path or method.
                answer = response(error.status, "text/plain; charset=utf-8", "\(error.status.code)\n")
            }
        }
        for (name, value) in Self.headers { answer.headers[name] = value }
        return answer
    }

    private static let headers: [(HTTPField.Name, String)] =
        [
            (.contentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
            (.xContentTypeOptions, "nosniff"), (.cacheControl, "no-store"),
        ]
        + [
            ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ]
        .compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
}

private func response(_ status: HTTPResponse.Status, _ type: String, _ text: String) -> Response {
    Response(status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
}

/// Unready answers name the reasons; ready ones what is passed over.
private func json(_ health: Health) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Strings encode without failing.
    guard let data = try? encoder.encode(health) else { return "{}\n" }
    return String(decoding: data, as: UTF8.self) + "\n"
}
