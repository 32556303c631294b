import HTTPTypes
import Hummingbird
import LineServer
import Logging
import NIOCore
import ServiceKit

/// Refuses bodies where none belong, turns every error into an answer that
/// says nothing of the inside, and adds the headers that keep a browser from doing anything with an answer but showing it.
struct Precautions: RouterMiddleware {
    typealias Context = WatchContext

    let gate: RequestGuard
    let logger: Logger
    let refusals: RefusalLog

    init(gate: RequestGuard, logger: Logger) {
        self.gate = gate
        self.logger = logger
        refusals = RefusalLog(logger: logger)
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let isAPI = request.uri.path.hasPrefix("/api/")
        var answer: Response
        do {
            try check(request, isAPI: isAPI)
            answer = try await next(request, context)
        } catch {
            let refusal = refusal(error)
            // A page asks who is logged in, and nobody is: that is no refusal to tell.
            if refusal.status != .unauthorized || request.method == .post || gate.token(request) != nil {
                refusals.note(refusal.code, peer: gate.peer(request, context).text)
            }
            answer =
                isAPI ? refusal.answer : refusal.answer(type: "text/plain; charset=utf-8", "\(refusal.status.code)\n")
        }
        for (name, value) in Self.headers where answer.headers[name] == nil { answer.headers[name] = value }
        return answer
    }

    private func check(_ request: Request, isAPI: Bool) throws(APIError) {
        if isAPI, request.method == .post { return }
        let hasBody = request.headers[.contentLength].map { $0 != "0" } ?? (request.headers[.transferEncoding] != nil)
        if hasBody { throw .tooLarge }
    }

    private func refusal(_ error: any Error) -> APIError {
        switch error {
        case let error as APIError: return error
        // Wrong path or method, or a request that the HTTP library refuses.
        case let error as any HTTPResponseError:
            return error.status == .notFound
                ? .notFound : APIError(error.status, "bad_request", "This request cannot be answered.")
        default:
            logger.warning("request failed", metadata: [LogKey.error: "\(type(of: error))"])
            return .unavailable
        }
    }

    private static let headers: [(HTTPField.Name, String)] =
        [
            (.contentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
            (.xContentTypeOptions, "nosniff"), (.cacheControl, "no-store"),
        ]
        + [
            ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ]
        .compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
}

/// Refuses what other sites make a browser send.
struct SiteCheck: RouterMiddleware {
    typealias Context = WatchContext

    let gate: RequestGuard

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        try gate.checkSite(request)
        return try await next(request, context)
    }
}
