import HTTPTypes
import Hummingbird
import LineServer
package import Logging
import MailCore
import NIOCore
import SASL
import ServiceKit
import Storage

/// `/api/v1`: see docs/api.md.
package struct APIRoutes: Sendable {
    let desk: LoginDesk
    let reader: Reader
    let sessions: SessionBoard
    let hub: StreamHub
    let live: LiveView
    let gate: RequestGuard
    let logger: Logger

    package init(
        desk: LoginDesk, reader: Reader, sessions: SessionBoard, hub: StreamHub, live: LiveView, address: PageAddress,
        logger: Logger
    ) {
        self.desk = desk
        self.reader = reader
        self.sessions = sessions
        self.hub = hub
        self.live = live
        self.gate = RequestGuard(address: address)
        self.logger = logger
    }

    func add(to router: Router<WatchContext>) {
        // Here and not by the look of the path: the router finds these by other spellings, too.
        let api = router.group("/api/v1").add(middleware: SiteCheck(gate: gate))
        api.post("/login") { request, context in try await login(request, context) }
        api.post("/logout") { request, _ in try await logout(request) }
        api.get("/me") { request, _ in
            let session = try await session(request)
            return answer(WhoAnswer(session))
        }
        api.get("/overview") { request, _ in answer(await reader.overview(try await session(request).viewer)) }
        api.get("/mails") { request, _ in try await mails(request) }
        api.get("/mails/:id") { request, context in
            let viewer = try await session(request).viewer
            guard let trace = try await reader.trace(try mailID(context), viewer) else { throw APIError.notFound }
            return answer(trace)
        }
        api.get("/sessions") { request, _ in
            let viewer = try await session(request).viewer
            return answer(
                SessionsAnswer(
                    sessions: await sessions.lastSessions(
                        viewer, limit: try limit(request), daemons: reader.daemonsWithSessions)))
        }
        api.get("/sessions/:id") { request, context in
            let viewer = try await session(request).viewer
            guard let id = context.parameters.get("id"), let found = sessions.transcript(of: id, for: viewer) else {
                throw APIError.notFound
            }
            return answer(found)
        }
        api.get("/parked") { request, _ in
            let viewer = try await session(request).viewer
            return answer(try await reader.parked(viewer, limit: try limit(request, fallback: 100)))
        }
        api.post("/parked/:id/retry") { request, context in try await retry(request, context) }
        api.get("/stream") { request, context in try await stream(request, context) }
    }

    // MARK: - Coming and going

    private struct LoginRequest: Decodable {
        let user: String
        let password: String
    }

    private func login(_ request: Request, _ context: WatchContext) async throws -> Response {
        let wanted = try await gate.body(request, as: LoginRequest.self)
        guard let credentials = Credentials(identity: wanted.user.utf8, password: wanted.password.utf8) else {
            throw APIError.wrongCredentials
        }
        let peer = gate.peer(request, context)
        switch await desk.login(credentials, from: peer.key) {
        case .accepted(let token, let session):
            logger.info(
                "login", metadata: ["role": "\(session.viewer.role.rawValue)", LogKey.peer: "\(peer.text)"])
            var response = answer(LoginAnswer(session, token: token))
            response.headers[.setCookie] = gate.setCookie(token, seconds: TokenIssuer.lifetime)
            return response
        case .refused: throw APIError.wrongCredentials
        case .throttled: throw APIError.tooManyAttempts
        case .unavailable: throw APIError.unavailable
        }
    }

    private func logout(_ request: Request) async throws -> Response {
        try await gate.noBody(request)
        // Whoever is not logged in is so afterwards, too. The cookie goes in any case, or whoever comes to this browser
        // next would be logged in.
        var response = Response(status: .noContent)
        do {
            if let token = gate.token(request), let session = try await desk.session(of: token) {
                try await desk.logout(session)
            }
        } catch {
            logger.warning("a logout could not be noted", metadata: [LogKey.error: "\(type(of: error))"])
            response = APIError.unavailable.answer
        }
        response.headers[.setCookie] = gate.setCookie("", seconds: 0)
        return response
    }

    func session(_ request: Request) async throws -> LoginDesk.Session {
        guard let token = gate.token(request), let session = try await desk.session(of: token) else {
            throw APIError.notLoggedIn
        }
        return session
    }

    // MARK: - Mails

    private func mails(_ request: Request) async throws -> Response {
        let viewer = try await session(request).viewer
        var before: MailID?
        if let text = request.uri.queryParameters.get("before") {
            guard let id = MailID(text) else { throw APIError.badRequest("before is not the id of a mail.") }
            before = id
        }
        return answer(try await reader.list(viewer, before: before, limit: try limit(request)))
    }

    private func retry(_ request: Request, _ context: WatchContext) async throws -> Response {
        let viewer = try await session(request).viewer
        try await gate.noBody(request)
        guard viewer.isAdmin else { throw APIError.forbidden }
        let mail = try mailID(context)
        let count = try await reader.mails.retry(mail)
        guard count > 0 else { throw APIError.notFound }
        logger.notice(
            "another try", metadata: [LogKey.mailID: "\(mail)", LogKey.count: "\(count)", "admin": "\(viewer.name)"])
        return answer(RetryAnswer(retried: count))
    }

    // MARK: - Parameters

    private func mailID(_ context: WatchContext) throws(APIError) -> MailID {
        guard let id = context.parameters.get("id").flatMap({ MailID($0) }) else {
            throw .badRequest("This is not the id of a mail.")
        }
        return id
    }

    private func limit(_ request: Request, fallback: Int = 50) throws(APIError) -> Int {
        guard let text = request.uri.queryParameters.get("limit") else { return fallback }
        guard let limit = Int(text), (1...WatchStore.maximumMails).contains(limit) else {
            throw .badRequest("limit is a whole number from 1 to \(WatchStore.maximumMails).")
        }
        return limit
    }
}

func answer(_ value: some Encodable) -> Response {
    Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: JSON.text(value) + "\n")))
}

/// `GET /api/v1/me`, and the first event of a stream.
struct WhoAnswer: Encodable, Sendable {
    let role: Viewer.Role
    let name: String
    let expiresAt: String
    var resumed: Bool?

    init(_ session: LoginDesk.Session, resumed: Bool? = nil) {
        role = session.viewer.role
        name = session.viewer.name
        expiresAt = session.expiresAt.text
        self.resumed = resumed
    }
}

private struct LoginAnswer: Encodable {
    let token: String
    let expiresAt: String
    let role: Viewer.Role
    let name: String

    init(_ session: LoginDesk.Session, token: String) {
        self.token = token
        expiresAt = session.expiresAt.text
        role = session.viewer.role
        name = session.viewer.name
    }
}

private struct RetryAnswer: Encodable { let retried: Int }
