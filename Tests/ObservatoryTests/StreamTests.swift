import MailCore
import NIOCore
import Observatory
import QueueContracts
import Storage
import Synchronization
import Testing

extension Sample {
    static func facts(
        account: Int64? = nil, closed: Bool = false, role: String = "submission",
        openedAt: Int64 = 1_790_000_000_000_000
    ) -> SessionReport.Facts {
        SessionReport.Facts(
            role: role, peer: "192.0.2.1", localPort: 587, account: account,
            address: account.map { "user\($0)@example.test" }, openedAt: openedAt,
            closedAt: closed ? openedAt + 1_500_000 : nil, isSecure: false, bytesIn: 1, bytesOut: 2, roundTrips: 3,
            reason: closed ? "quit" : nil)
    }

    static func closed(_ id: String, account: Int64? = nil) -> SessionReport.Event {
        .init(
            session: id, at: 1_790_000_001_500_000, kind: .closed, account: account,
            facts: facts(account: account, closed: true))
    }

    static func seen(_ id: String) -> SessionReport.Event {
        .init(session: id, at: 1_790_000_000_000_000, kind: .seen, facts: facts())
    }

    static func line(_ id: String, _ text: String) -> SessionReport.Event {
        .init(session: id, at: 1_790_000_000_100_000, kind: .line, isFromClient: true, text: text)
    }

    static func login(_ id: String, _ account: Int64) -> SessionReport.Event {
        .init(
            session: id, at: 1_790_000_000_200_000, kind: .login, text: "user\(account)@example.test", account: account)
    }
}

@Suite("Ledger of sessions")
struct SessionLedgerTests {
    private let admin = Viewer(name: "admin", subject: .admin("admin"))
    private func account(_ number: Int64) -> Viewer {
        Viewer(name: "user\(number)@example.test", subject: .account(AccountID(number)))
    }

    @Test("before the login only admins hear; at the login the account gets what went before")
    func audiences() {
        var ledger = SessionLedger()
        let news = ledger.take(
            SessionReport(
                daemon: "smtpd",
                events: [Sample.seen("s"), Sample.line("s", "EHLO x"), Sample.login("s", 1), Sample.line("s", "QUIT")]))
        func heard(_ viewer: Viewer) -> [String] {
            news.filter { $0.audience.includes(viewer) }.map { event in
                event.name == "line"
                    ? event.data.contains("EHLO x") ? "EHLO" : event.data.contains("QUIT") ? "QUIT" : "login"
                    : event.name
            }
        }
        #expect(heard(admin) == ["session", "EHLO", "session", "login", "QUIT"])
        #expect(heard(account(1)) == ["session", "EHLO", "login", "QUIT"])
        #expect(heard(account(2)) == [])
    }

    @Test("a session that is not known is not guessed at")
    func unknown() {
        var ledger = SessionLedger()
        #expect(
            ledger.take(SessionReport(daemon: "smtpd", events: [Sample.line("s", "x"), Sample.login("s", 1)])).isEmpty)
    }

    @Test("what was left out is told to admins")
    func dropped() {
        var ledger = SessionLedger()
        let news = ledger.take(SessionReport(daemon: "smtpd", events: [], droppedEvents: 3, droppedSessions: 2))
        #expect(news.map(\.data) == [#"{"lines":3,"sessions":2}"#])
        #expect(news.allSatisfy { $0.audience.includes(admin) && !$0.audience.includes(account(1)) })
    }
}

@Suite("Places and last words of streams")
struct StreamClientTests {
    private func client(_ viewer: Viewer) -> StreamClient {
        StreamClient(viewer: viewer, token: "", until: Timestamp(seconds: Int64(UInt32.max))) {}
    }

    private func viewer(_ name: String) -> Viewer { Viewer(name: name, subject: .account(AccountID(1))) }

    @Test(
        "whoever may no longer watch gets nothing more, however slowly it reads",
        arguments: [StreamEnd.revoked, .expired])
    func lastWords(end: StreamEnd) async throws {
        let client = client(viewer("a@example.test"))
        func offer() {
            for number in 0..<200 {
                client.offer(
                    LiveEvent(name: "line", audience: Audience(), data: String(repeating: "x", count: 1000)),
                    id: "\(number)")
                client.offer("mail", key: "\(number)", String(repeating: "y", count: 1000))
            }
        }
        offer()
        var sent: [String] = []
        try await client.send { buffer in
            sent.append(String(buffer: buffer))
            // It has taken one piece, and another one is being offered all the time.
            client.end(end)
            offer()
        }
        #expect(sent.count == 2)
        #expect(sent.last == "event: bye\ndata: {\"reason\":\"\(end.rawValue)\"}\n\n")
    }

    @Test("accounts leave places for admins")
    func places() throws {
        let hub = StreamHub()
        var streams: [StreamClient] = []
        for number in 0..<(StreamHub.maximumStreams - StreamHub.keptForAdmins) {
            streams.append(client(viewer("user\(number)@example.test")))
            _ = try hub.enter(streams[number], lastEventID: nil)
        }
        #expect(throws: StreamHub.Refusal.tooMany) {
            _ = try hub.enter(client(viewer("more@example.test")), lastEventID: nil)
        }
        for _ in 0..<StreamHub.keptForAdmins {
            _ = try hub.enter(client(Viewer(name: "admin", subject: .admin("admin"))), lastEventID: nil)
        }
    }
}

@Suite("Stream")
struct StreamTests {
    private func open(
        _ port: Int, _ token: String, headers: [String] = [], until enough: (String) -> Bool
    ) throws -> String {
        let head = ["GET /api/v1/stream HTTP/1.1", "Host: x", "Authorization: Bearer \(token)"] + headers
        return try TestServer.exchange(head.joined(separator: "\r\n") + "\r\n\r\n", port, until: enough)
    }

    @Test("begins with who is there and the state of things, then tells what happens")
    func tells() async throws {
        let server = TestServer()
        server.world.onRequest.withLock { answer in
            answer = { request in
                guard request.summaries == nil, request.seconds > 0 else { return nil }
                return SessionReport(daemon: "smtpd", events: [Sample.seen("s"), Sample.line("s", "EHLO <b>x</b>")])
            }
        }
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            let text = try open(port, token) { $0.contains("EHLO") && $0.contains("event: parked") }
            #expect(text.lowercased().contains("content-type: text/event-stream"))
            for event in ["hello", "overview", "parked", "session", "line"] {
                #expect(text.contains("event: \(event)\n"))
            }
            #expect(text.contains(#""resumed":false"#) && text.contains(#""text":"EHLO <b>x</b>""#))
            // Somebody who comes back hears what was missed.
            let id = try #require(text.split(separator: "\n").first { $0.hasPrefix("id: ") }).dropFirst(4)
            let again = try open(port, token, headers: ["Last-Event-ID: \(id)"]) { $0.contains("EHLO") }
            #expect(again.contains(#""resumed":true"#) && again.contains("EHLO"))
            let stranger = try open(port, token, headers: ["Last-Event-ID: zzz-99999999999999999999"]) {
                $0.contains("event: hello")
            }
            #expect(stranger.contains(#""resumed":false"#))
        }
        let requests = server.world.state.withLock { $0.requests }
        #expect(requests.first?.everything == true)
        #expect(requests.contains { $0.seconds == 15 })
    }

    @Test("signs of life, the subscription and revocation do not wait for a database that hangs")
    func hangingDatabase() async throws {
        var server = TestServer()
        server.heartbeat = .milliseconds(100)
        let world = server.world
        world.state.withLock { $0.isHanging = true }
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            var isRevoked = false
            let text = try open(port, token) { text in
                if !isRevoked, text.contains(": heartbeat"), text.contains("event: hello") {
                    isRevoked = true
                    world.state.withLock { $0.marks[.admin("admin")] = "second" }
                }
                return text.contains("event: bye")
            }
            #expect(text.contains("event: hello") && text.contains(": heartbeat") && text.contains("revoked"))
        }
        #expect(world.state.withLock { $0.requests }.contains { $0.seconds == 15 })
    }

    @Test("summaries of many sessions cost neither the newest ones nor what is being watched")
    func manySummaries() async throws {
        let opened: Int64 = 1_790_000_000_000_000
        @Sendable func summaries(_ daemon: String, from seconds: Int) -> [SessionReport] {
            let events = (0..<256).reversed().map { number in
                SessionReport.Event(
                    session: "\(daemon)-\(number)", at: opened, kind: .closed,
                    facts: Sample.facts(closed: true, openedAt: opened + Int64(seconds + number) * 1_000_000))
            }
            return stride(from: 0, to: events.count, by: SessionReport.maximumEntries).map {
                let end = min(events.count, $0 + SessionReport.maximumEntries)
                return SessionReport(daemon: daemon, events: Array(events[$0..<end]), summaries: 1)
            }
        }
        let server = TestServer()
        try await server.serving { (port: Int) throws in
            let board = try #require(server.world.sessions.withLock { $0 })
            board.take(SessionReport(daemon: "accessd", events: [Sample.seen("open"), Sample.line("open", "IDLE")]))
            // The daemon that answers first has the newest.
            for (index, daemon) in ["a", "b", "c", "d", "e"].enumerated() {
                for report in summaries(daemon, from: 2000 - index * 256) { board.take(report) }
            }
            board.take(SessionReport(daemon: "accessd", events: [Sample.line("open", "DONE")]))
            let token = try TestServer.logIn("admin", port)
            let last = try TestServer.request("GET", "/api/v1/sessions?limit=200", port, token: token).body
            for number in [255, 150, 56] { #expect(last.contains(#""id":"a-\#(number)""#)) }
            let transcript = try TestServer.request("GET", "/api/v1/sessions/open", port, token: token)
            #expect(transcript.status == 200 && transcript.body.contains("IDLE") && transcript.body.contains("DONE"))
        }
    }

    @Test("an account asks for its own sessions only, and hears no others")
    func ownOnly() async throws {
        let server = TestServer()
        server.world.onRequest.withLock { answer in
            answer = { _ in
                SessionReport(
                    daemon: "smtpd",
                    events: [
                        Sample.seen("other"), Sample.line("other", "SECRET OF OTHERS"), Sample.login("other", 2),
                        Sample.seen("mine"), Sample.line("mine", "EHLO mine"), Sample.login("mine", 1),
                    ])
            }
        }
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("alice@example.test", port)
            let text = try open(port, token) { $0.contains("EHLO mine") }
            #expect(!text.contains("SECRET OF OTHERS") && !text.contains(#""id":"other""#))
        }
        let requests = server.world.state.withLock { $0.requests }
        #expect(requests.allSatisfy { !$0.everything && ($0.accounts == [1] || $0.seconds == 0) })
    }

    @Test("no more streams than there are places, and a place comes free")
    func places() async throws {
        let hub = StreamHub()
        #expect(StreamHub.maximumPerName == 8 && StreamHub.maximumStreams == 32)
        _ = hub
        try await TestServer().serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            // Nobody reads these; they are closed when this returns.
            func nested(_ left: Int) throws {
                guard left > 0 else {
                    let refused = try TestServer.request("GET", "/api/v1/stream", port, token: token)
                    #expect(refused.status == 429 && refused.body.contains("too_many_streams"))
                    return
                }
                _ = try open(port, token) { text in
                    guard text.contains("event: hello") else { return false }
                    try? nested(left - 1)
                    return true
                }
            }
            try nested(StreamHub.maximumPerName)
            let deadline = ContinuousClock.now + .seconds(5)
            var text = ""
            while !text.contains("event: hello"), .now < deadline {
                text = try open(port, token) { $0.contains("event: hello") || $0.contains("too_many") }
            }
            #expect(text.contains("event: hello"))
        }
    }

    @Test("shutdown says goodbye and does not wait for those who watch")
    func shutdown() async throws {
        let server = TestServer()
        let begun = ContinuousClock.now
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            _ = try open(port, token) { $0.contains("event: hello") }
        }
        #expect(ContinuousClock.now - begun < .seconds(20))
    }
}
