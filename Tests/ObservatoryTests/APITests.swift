import MailCore
import Observatory
import QueueContracts
import Storage
import Synchronization
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

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
        var server = server([])
        server.sources.stages = { nil }
        let world = server.world
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            #expect(try TestServer.request("GET", "/api/v1/me", port, token: token).status == 200)
            world.state.withLock { $0.isAway = true }
            let mails = try TestServer.request("GET", "/api/v1/mails", port, token: token)
            #expect(mails.status == 503 && mails.body.contains("unavailable"))
            let overview = try TestServer.request("GET", "/api/v1/overview", port, token: token)
            #expect(overview.status == 200 && overview.body.contains(#""count":null"#))
        }
    }

    @Test("an account sees of a mail's history nothing that others did with it")
    func foreignEvents() async throws {
        let mail = Self.mail(1)
        let server = server([mail]) { _ in 2 }
        let trace = try Self.trace(mail)
        server.world.state.withLock { state in
            state.traces[mail.id] = trace
            state.ownRecipients = [2]
        }
        let path = "/api/v1/mails/\(mail.id)"
        try await server.serving { (port: Int) throws in
            let bob = try TestServer.logIn("bob@example.test", port)
            let seen = try TestServer.request("GET", path, port, token: bob).body
            for event in ["accepted", "classified", "filed", "learnt"] {
                #expect(seen.contains(#""event":"\#(event)""#))
            }
            for hidden in [
                "reported", "notified", "discarded", "Bills", #""account":7"#, #""moved""#, #""recipients":2"#,
            ] {
                #expect(!seen.contains(hidden), "\(hidden)")
            }
            // Who submitted the mail sees that it arrived, not where.
            server.world.state.withLock { $0.ownRecipients = nil }
            let sent = try TestServer.request("GET", path, port, token: bob).body
            #expect(sent.contains(#""detail":{},"event":"filed""#) || sent.contains(#""event":"filed","#))
            #expect(sent.contains("notified") && sent.contains("discarded"))
            for hidden in ["reported", "Bills", #""account":7"#] { #expect(!sent.contains(hidden), "\(hidden)") }
            let admin = try TestServer.logIn("admin", port)
            let all = try TestServer.request("GET", path, port, token: admin).body
            for shown in ["reported", "notified", "Bills", #""account":7"#, #""moved""#, #""recipients":2"#] {
                #expect(all.contains(shown), "\(shown)")
            }
        }
    }

    private static func trace(_ mail: WatchedMail) throws -> MailTrace {
        func event(_ name: String, of recipient: Int = 0, _ detail: String) -> String {
            #"{"event":"\#(name)","at":"2026-11-21T11:00:05.000Z","seconds":1,"recipient":\#(recipient),"detail":\#(detail)}"#
        }
        let events = [
            event("accepted", #"{"recipients":2}"#), event("classified", #"{"label":"ham"}"#),
            event("filed", of: 1, #"{"account":7,"mailbox":3,"name":"Bills","uid":12}"#),
            event("filed", of: 2, #"{"account":2,"mailbox":5,"name":"INBOX","uid":4}"#),
            event("reported", #"{"account":7,"label":"spam"}"#),
            event("learnt", #"{"account":7,"label":"spam","model":2}"#),
            event("learnt", #"{"account":2,"label":"ham","model":2}"#),
            event("relabelled", #"{"label":"spam","moved":1}"#), event("notified", #"{"mail":"x"}"#),
            event("discarded", of: 1, #"{"reason":"the account is gone"}"#),
        ]
        let text = """
            {"mail":"\(mail.id)","receivedAt":"2026-11-21T11:00:04.000Z","origin":"mx","envelopeFrom":"","size":1,
            "traceparent":"00-0-0-00","recipients":[],"events":[\(events.joined(separator: ","))],"copies":[],"work":[],
            "lessons":[]}
            """
        return try JSONDecoder().decode(MailTrace.self, from: Data(text.utf8))
    }

    @Test("an admin's overview shows the shared count of work")
    func sharedCount() async throws {
        var server = server([])
        server.sources.stages = { [.init(stage: "file", waiting: 41, parked: 0, oldestSeconds: 1)] }
        try await server.serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            #expect(try TestServer.request("GET", "/api/v1/overview", port, token: token).body.contains(#""count":41"#))
        }
    }

    @Test("however many ask, one question is under way, and its answer holds for a while")
    func oneQuestion() async {
        let asked = Mutex(0)
        let (gate, open) = AsyncStream<Void>.makeStream()
        let answer = SharedAnswer(for: .seconds(3600)) {
            asked.withLock { $0 += 1 }
            for await _ in gate {}
            return 7
        }
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { await answer.value() } }
            open.finish()
            for await value in group { #expect(value == 7) }
        }
        #expect(await answer.value() == 7)
        #expect(asked.withLock { $0 } == 1)
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
