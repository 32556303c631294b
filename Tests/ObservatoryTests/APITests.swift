import MailCore
import Observatory
import QueueContracts
import Storage
import Synchronization
import Testing

@Suite("API")
struct APITests {
    private static let start: Int64 = 1_790_000_000_000_000

    private static func mail(
        _ number: UInt64, subject: String? = "Lunch", events: [String] = ["accepted", "classified", "filed"],
        work: [WatchedMail.Work] = []
    ) -> WatchedMail {
        let id = MailID(UUIDv7(high: 0x019a_a5e2_0000_7000 + number << 16, low: 0x8000_0000_0000_0000 + number))
        let received = Timestamp(microseconds: start + Int64(number) * 1_000_000)
        return WatchedMail(
            id: id, receivedAt: received, origin: .mx, envelopeFrom: "someone@remote.test", size: 100,
            subject: subject.map { Array($0.utf8) }, recipients: ["alice@example.test"], recipientCount: 1,
            verdict: .init(label: "ham", probability: 0.02, category: nil),
            events: events.enumerated().map { index, name in
                .init(
                    event: name, at: Timestamp(microseconds: received.microseconds + Int64(index) * 10_000),
                    recipient: 0, detail: name == "filed" ? ["name": .text("INBOX")] : [:])
            }, work: work)
    }

    private func server(_ mails: [WatchedMail], owner: (Int) -> Int64 = { _ in 1 }) -> TestServer {
        let server = TestServer()
        server.world.state.withLock { state in
            state.mails = mails
            for (index, mail) in mails.enumerated() { state.owners[mail.id] = owner(index) }
        }
        return server
    }

    @Test("nothing without a login")
    func closed() async throws {
        try await TestServer().serving { (port: Int) throws in
            for path in ["me", "overview", "mails", "mails/x", "sessions", "sessions/x", "parked", "stream"] {
                #expect(try TestServer.request("GET", "/api/v1/\(path)", port).status == 401, "\(path)")
            }
            #expect(
                try TestServer.request(
                    "POST", "/api/v1/parked/019aa5e2-7d0b-7c11-9a52-5d7b1f0c2b11/retry", port
                ).status == 401)
            #expect(try TestServer.request("GET", "/api/v1/nowhere", port).status == 404)
        }
    }

    @Test("mails come newest first, page by page")
    func pages() async throws {
        let mails = (1...5).map { Self.mail($0) }
        try await server(mails).serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            let first = try TestServer.request("GET", "/api/v1/mails?limit=2", port, token: token).body
            #expect(first.contains(mails[4].id.description) && first.contains(mails[3].id.description))
            #expect(first.contains(#""next":"\#(mails[3].id)""#))
            let last = try TestServer.request("GET", "/api/v1/mails?limit=4&before=\(mails[4].id)", port, token: token)
                .body
            #expect(last.contains(mails[0].id.description) && last.contains(#""next":null"#))
            for wrong in ["limit=0", "limit=201", "limit=x", "before=x", "limit=1e9"] {
                #expect(try TestServer.request("GET", "/api/v1/mails?\(wrong)", port, token: token).status == 400)
            }
        }
    }

    @Test("a mail's stage is the earliest of its copies; what is owed after filing is none")
    func stages() async throws {
        let mails = [
            Self.mail(1, work: [.init(stage: .classify, recipient: 0, isParked: false)]),
            Self.mail(
                2,
                work: [
                    .init(stage: .relay, recipient: 2, isParked: false),
                    .init(stage: .file, recipient: 1, isParked: false),
                ]),
            Self.mail(3, work: [.init(stage: .relay, recipient: 2, isParked: false)]),
            Self.mail(4, work: [.init(stage: .file, recipient: 1, isParked: true)]),
            Self.mail(5, work: [.init(stage: .late, recipient: 0, isParked: true)]), Self.mail(6),
        ]
        try await server(mails).serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            let body = try TestServer.request("GET", "/api/v1/mails", port, token: token).body
            let stages = body.split(separator: #""stage":""#).dropFirst().map { String($0.prefix { $0 != "\"" }) }
            #expect(stages == ["done", "done", "parked", "relay", "file", "classify"])
            #expect(body.contains(#""words":"filed in INBOX""#))
            #expect(body.contains(#""words":"waits for a verdict""#))
        }
    }

    @Test("hostile subjects are decoded, stripped of controls, cut, and shown as text")
    func hostileSubjects() async throws {
        let mails = [
            Self.mail(1, subject: "=?utf-8?B?DQpCY2M6IHhAeQ==?="), Self.mail(2, subject: "<script>alert(1)</script>"),
            Self.mail(3, subject: String(repeating: "x", count: 5000)), Self.mail(4, subject: nil),
        ]
        try await server(mails).serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            let answer = try TestServer.request("GET", "/api/v1/mails", port, token: token)
            #expect(answer.head.lowercased().contains("content-type: application/json"))
            #expect(!answer.body.contains(#"\r"#) && !answer.body.contains(#"\n"#))
            #expect(answer.body.contains("<script>alert(1)</script>"))
            #expect(!answer.body.contains(String(repeating: "x", count: 201)))
            #expect(answer.body.contains(#""subject":null"#))
        }
    }

    @Test("an account sees its own mails and parked work, and may not try again")
    func ownOnly() async throws {
        let mails = [Self.mail(1), Self.mail(2)]
        let server = server(mails) { $0 == 0 ? 1 : 2 }
        server.world.state.withLock { state in
            state.parked = mails.map {
                .init(mail: $0.id, recipient: 0, stage: "classify", attempts: 5, parkedSeconds: 61, lastError: "failed")
            }
        }
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("alice@example.test", port)
            for path in ["mails", "parked"] {
                let body = try TestServer.request("GET", "/api/v1/\(path)", port, token: token).body
                #expect(body.contains(mails[0].id.description) && !body.contains(mails[1].id.description))
            }
            #expect(
                try TestServer.request("GET", "/api/v1/parked", port, token: token).body.contains(#""mayRetry":false"#))
            let retry = "/api/v1/parked/\(mails[0].id)/retry"
            #expect(try TestServer.request("POST", retry, port, token: token).status == 403)
            let overview = try TestServer.request("GET", "/api/v1/overview", port, token: token).body
            #expect(overview.contains(#""daemons":[]"#) && overview.contains(#""totals":null"#))
            let admin = try TestServer.logIn("admin", port)
            #expect(
                try TestServer.request("GET", "/api/v1/overview", port, token: admin).body.contains(
                    #""daemon":"smtpd""#))
            #expect(try TestServer.request("POST", retry, port, token: admin).body.contains(#"{"retried":1}"#))
            #expect(
                try TestServer.request("POST", "/api/v1/parked/\(MailID.next())/retry", port, token: admin).status
                    == 404)
            #expect(try TestServer.request("POST", "/api/v1/parked/x/retry", port, token: admin).status == 400)
        }
        #expect(server.world.state.withLock { $0.retried } == [mails[0].id])
    }

    @Test("a database that is away is 503, and the overview still answers")
    func away() async throws {
        let server = server([])
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            #expect(try TestServer.request("GET", "/api/v1/me", port, token: token).status == 200)
            server.world.state.withLock { $0.isAway = true }
            let mails = try TestServer.request("GET", "/api/v1/mails", port, token: token)
            #expect(mails.status == 503 && mails.body.contains("unavailable"))
            let overview = try TestServer.request("GET", "/api/v1/overview", port, token: token)
            #expect(overview.status == 200 && overview.body.contains(#""count":null"#))
        }
    }

    @Test("the last sessions are asked of the daemons, each viewer's own")
    func lastSessions() async throws {
        let server = server([])
        server.world.onRequest.withLock { answer in
            answer = { request in
                guard let number = request.summaries else { return nil }
                return SessionReport(
                    daemon: "smtpd",
                    events: [
                        Sample.closed("mine", account: 1), Sample.closed("other", account: 2), Sample.closed("nobody"),
                    ], summaries: number, isLast: true)
            }
        }
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("alice@example.test", port)
            let own = try TestServer.request("GET", "/api/v1/sessions", port, token: token).body
            #expect(
                own.contains(#""id":"mine""#) && !own.contains(#""id":"other""#) && !own.contains(#""id":"nobody""#))
            #expect(try TestServer.request("GET", "/api/v1/sessions/other", port, token: token).status == 404)
            let admin = try TestServer.logIn("admin", port)
            let all = try TestServer.request("GET", "/api/v1/sessions", port, token: admin).body
            for id in ["mine", "other", "nobody"] { #expect(all.contains(#""id":"\#(id)""#)) }
        }
        let requests = server.world.state.withLock { $0.requests }.filter { $0.summaries != nil }
        #expect(requests.map(\.everything) == [false, true])
        #expect(requests.map(\.accounts) == [[1], []])
    }
}
