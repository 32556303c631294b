import Crypto
import Dispatch
import Logging
import MailCore
import NIOCore
import Observatory
import QueueContracts
import SASL
import ServiceLifecycle
import Storage
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A whole watchd without servers behind it, on a port of its own.
struct TestServer: Sendable {
    var board = Sample.board("smtpd", "filerd", "relayd", "accessd")
    var sources = Sample.sources()
    var world = TestWorld()
    var address = PageAddress()
    var stall = TimeAmount.seconds(30)
    var heartbeat = Duration.seconds(10)

    /// Serves while `body` talks to it.
    func serving(_ body: @escaping @Sendable (Int) throws -> Void) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (ports, bound) = AsyncStream<Int>.makeStream()
        let hub = StreamHub()
        let inspector = HealthInspector(board: board, sources: sources)
        let world = world
        let sessions = SessionBoard(consumer: nil, hub: hub, watcher: "test", logger: logger) { request in
            world.asked(request)
        }
        world.sessions.withLock { $0 = sessions }
        let desk = LoginDesk(sources: world.desk)
        let reader = Reader(mails: world.mails, sources: sources, inspector: inspector, board: board)
        let live = LiveView(
            hub: hub, reader: reader, sessions: sessions, desk: desk, heartbeat: heartbeat, logger: logger)
        let api = APIRoutes(
            desk: desk, reader: reader, sessions: sessions, hub: hub, live: live, address: address, logger: logger)
        let server = WatchServer(
            host: "127.0.0.1", port: 0, board: board, inspector: inspector,
            metrics: MetricsPage(board: board, sources: sources, instance: "local"), api: api, logger: logger,
            stall: stall
        ) { bound.yield($0) }
        let group = ServiceGroup(services: [live, server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await port in ports {
                try await Self.onThread { try body(port) }
                break
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    /// Blocking socket calls have no place on the pool that the server runs on.
    private static func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
        }
    }

    struct Unreachable: Error {}

    /// Sends the bytes and reads until the server closes or `enough` has come; no longer than 5 s for a piece.
    static func exchange(
        _ text: String, _ port: Int, pausing pause: Duration = .zero, until enough: (String) -> Bool = { _ in false }
    ) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Unreachable() }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Unreachable() }
        let bytes = Array(text.utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        if pause > .zero { usleep(UInt32(pause.components.seconds) * 1_000_000) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 { answer += buffer.prefix(count) }
            let text = String(decoding: answer, as: UTF8.self)
            if count <= 0 || enough(text) { return text }
        }
    }

    // MARK: - Requests

    struct Answer {
        let status: Int
        let head: String
        let body: String

        init(_ text: String) {
            let end = text.firstRange(of: "\r\n\r\n")
            head = end.map { String(text[..<$0.lowerBound]) } ?? text
            body = end.map { String(text[$0.upperBound...]) } ?? ""
            status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
        }
    }

    static func request(
        _ method: String, _ path: String, _ port: Int, token: String? = nil, headers: [String] = [], body: String? = nil
    ) throws -> Answer {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close"] + headers
        if let token { lines.append("Authorization: Bearer \(token)") }
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        return Answer(try exchange(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""), port))
    }

    static func logIn(_ user: String, _ port: Int) throws -> String {
        let answer = try request(
            "POST", "/api/v1/login", port, headers: ["Content-Type: application/json"],
            body: #"{"user":"\#(user)","password":"right"}"#)
        guard let start = answer.body.firstRange(of: #""token":""#)?.upperBound,
            let end = answer.body[start...].firstIndex(of: "\"")
        else { throw Unreachable() }
        return String(answer.body[start..<end])
    }
}

/// What watchd asks of its database and bus, made up. Everybody's password is `right`.
final class TestWorld: Sendable {
    struct State {
        var revoked: Set<UUIDv7> = []
        var marks: [WatchLoginStore.Subject: String] = [:]
        var isAway = false
        var mails: [WatchedMail] = []
        /// Whose each mail is.
        var owners: [MailID: Int64] = [:]
        var parked: [WorkStore.ParkedMail] = []
        var retried: [MailID] = []
        var requests: [WatchRequest] = []
        var attempts = 0
        /// From where logins were tried.
        var peers: [String] = []
        var traces: [MailID: MailTrace] = [:]
        /// Of an account; an admin's are all.
        var ownRecipients: Set<Int>? = []
        /// No question about mails is ever answered.
        var isHanging = false
    }

    struct Away: Error {}

    let state = Mutex(State())
    let sessions = Mutex<SessionBoard?>(nil)
    /// What the daemons answer to a request for the last sessions.
    let onRequest = Mutex<(@Sendable (WatchRequest) -> SessionReport?)?>(nil)
    let key = TokenIssuer.makeKey()

    func asked(_ request: WatchRequest) {
        state.withLock { $0.requests.append(request) }
        if let report = onRequest.withLock({ $0 })?(request) { sessions.withLock { $0 }?.take(report) }
    }

    private func unlessAway<Value>(_ value: (inout State) -> Value) throws -> Value {
        try state.withLock { state in
            if state.isAway { throw Away() }
            return value(&state)
        }
    }

    var desk: LoginDesk.Sources {
        LoginDesk.Sources(
            authenticateAccount: { credentials, peer in
                self.authenticate(credentials, account: credentials.identity == "bob@example.test" ? 2 : 1, peer)
            },
            authenticateAdmin: { credentials, peer in self.authenticate(credentials, account: 0, peer) },
            signingKey: { self.key },
            standing: { subject in try self.unlessAway { $0.marks[subject] ?? "first" } },
            isRevoked: { id in try self.unlessAway { $0.revoked.contains(id) } },
            revoke: { id, _ in try self.unlessAway { _ = $0.revoked.insert(id) } })
    }

    private func authenticate(_ credentials: Credentials, account: Int64, _ peer: String) -> Authenticator.Outcome {
        state.withLock { state in
            state.peers.append(peer)
            state.attempts += 1
            if state.isAway { return .unavailable }
            if state.attempts > 20 { return .throttled }
            guard credentials.password.reveal() == Array("right".utf8) else { return .refused }
            return .accepted(.init(account: AccountID(account), address: credentials.identity))
        }
    }

    var mails: MailSource {
        MailSource(
            newest: { scope, before, limit in
                if self.state.withLock({ $0.isHanging }) { try await Task.sleep(for: .seconds(3600)) }
                return try self.unlessAway { state in
                    state.mails.map(\.id).filter { id in
                        (before.map { id < $0 } ?? true) && self.maySee(id, scope, state)
                    }.sorted(by: >).prefix(limit).map { $0 }
                }
            },
            mails: { ids, scope in
                try self.unlessAway { state in
                    ids.compactMap { id in
                        self.maySee(id, scope, state) ? state.mails.first { $0.id == id } : nil
                    }
                }
            },
            eventCounts: { ids in
                try self.unlessAway { state in
                    Dictionary(
                        uniqueKeysWithValues: state.mails.filter { ids.contains($0.id) }.map {
                            ($0.id, $0.events.count)
                        })
                }
            },
            trace: { mail, scope in
                try self.unlessAway { state in
                    state.traces[mail].map { ($0, scope == .everything ? nil : state.ownRecipients) }
                }
            },
            stages: { _ in try self.unlessAway { _ in [] } },
            parked: { scope, limit in
                try self.unlessAway { state in
                    Array(state.parked.filter { self.maySee($0.mail, scope, state) }.prefix(limit))
                }
            },
            retry: { mail in
                try self.unlessAway { state in
                    guard state.parked.contains(where: { $0.mail == mail }) else { return 0 }
                    state.retried.append(mail)
                    return 1
                }
            })
    }

    private func maySee(_ mail: MailID, _ scope: WatchScope, _ state: State) -> Bool {
        switch scope {
        case .everything: true
        case .account(let account): state.owners[mail] == account.value
        }
    }
}
