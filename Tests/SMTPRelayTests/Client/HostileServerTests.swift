import DNSResolver
import LineServer
import MailCore
import SMTPRelay
import Synchronization
import Testing

/// The client against servers that lie, stall or flood.
@Suite struct HostileServerTests {
    /// Short where the server is expected to say nothing in time.
    private static func impatient(_ change: (inout ClientTimeouts) -> Void) -> ClientTimeouts {
        var timeouts = ClientTimeouts()
        change(&timeouts)
        return timeouts
    }

    private static let brief = Duration.milliseconds(300)

    private static func failure(
        of server: FakeServer, helo: String = "client.example.test", timeouts: ClientTimeouts = ClientTimeouts(),
        allowed: String = "127.0.0.0/8"
    ) async -> RelayFailure? {
        do {
            let connection = try await server.connect(helo: helo, timeouts: timeouts, allowed: allowed)
            await connection.quit()
            return nil
        } catch {
            return error
        }
    }

    // MARK: - Before a mail

    @Test(arguments: [
        ("554 5.7.1 go away\r\n", RelayFailure.Code.refusedByHost), ("421 4.3.2 busy\r\n", .refusedByHost),
        ("250 hello\r\n", .refusedByHost), ("354 go on\r\n", .refusedByHost), ("SSH-2.0-OpenSSH_9\r\n", .protocolError),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", .protocolError), ("220-a\r\n221 b\r\n", .protocolError),
        ("", .unreachable),
        ("220 half", .unreachable), ("\0\0\0\r\n", .protocolError),
    ])
    func givesUpAHostThatDoesNotGreet(greeting: String, code: RelayFailure.Code) async throws {
        try await FakeServer.with { connection, _ in
            connection.say(greeting)
        } body: { server in
            let failure = try #require(await Self.failure(of: server))
            #expect(failure.code == code && failure.reply.isHostFault)
            guard case .deferred = failure.result else { return #expect(Bool(false), "another try must follow") }
            #expect(server.heard.lines.isEmpty)
        }
    }

    @Test func givesUpAHostThatIsSilent() async throws {
        try await FakeServer.with { connection, _ in
            await connection.pause(.seconds(30))
        } body: { server in
            let failure = await Self.failure(of: server, timeouts: Self.impatient { $0.greeting = Self.brief })
            #expect(failure?.code == .unreachable)
        }
    }

    /// RELIABILITY F36: a byte now and then buys no time.
    @Test func givesUpAGreetingThatDrips() async throws {
        try await FakeServer.with { connection, _ in
            connection.say("220-")
            while true {
                connection.say("x")
                try await connection.flush()
                await connection.pause(.milliseconds(20))
            }
        } body: { server in
            let failure = await Self.failure(of: server, timeouts: Self.impatient { $0.greeting = Self.brief })
            #expect(failure?.code == .unreachable)
        }
    }

    /// Each reply comes in time, and the dialogue takes for ever.
    @Test func givesUpAnOpeningThatTakesTooLong() async throws {
        try await FakeServer.with { connection, heard in
            connection.say("220 mx.remote.test\r\n")
            _ = try await connection.hear(heard)
            await connection.pause(.seconds(30))
        } body: { server in
            let timeouts = Self.impatient { $0.opening = Self.brief }
            let failure = try #require(await Self.failure(of: server, timeouts: timeouts))
            #expect(failure.code == .unreachable && failure.reply.step == .hello)
            #expect(server.heard.connections == 1)
        }
    }

    @Test(arguments: ["220-endless\r\n", "220 endless"])
    func givesUpAGreetingWithoutEnd(piece: String) async throws {
        let flood = String(repeating: piece, count: 1000)
        try await FakeServer.with { connection, _ in
            while true {
                connection.say(flood)
                try await connection.flush()
            }
        } body: { server in
            #expect(await Self.failure(of: server)?.code == .protocolError)
        }
    }

    @Test func neverSendsMailToItself() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            try await connection.serve(heard)
        } body: { server in
            let failure = try #require(await Self.failure(of: server, helo: "MX.remote.test"))
            #expect(failure.code == .loop)
            guard case .failed(let reply) = failure.result else { return #expect(Bool(false), "a loop is final") }
            #expect(reply.status == "5.4.6")
        }
    }

    /// Half the world calls itself so: another host may do better, now or later.
    @Test func takesAHostWithTheSameBareNameForAnother() async throws {
        try await FakeServer.with { connection, heard in
            connection.say("220 localhost\r\n")
            _ = try await connection.hear(heard)
            connection.say("250 localhost\r\n")
        } body: { server in
            let failure = try #require(await Self.failure(of: server, helo: "localhost"))
            #expect(failure.code == .refusedByHost && failure.reply.isHostFault && failure.reply.status == "4.4.6")
            guard case .deferred = failure.result else { return #expect(Bool(false), "not final") }
        }
    }

    @Test(arguments: [
        ("mail.example.test", true), ("[192.0.2.1]", true), ("localhost", false), ("mail_1", false),
        ("mail_1.example.test", false), ("", false), ("a b.test", false), ("x.test\r\nRSET", false), ("-.test", false),
    ])
    func greetsByAFullName(name: String, isGood: Bool) {
        #expect(SMTPClientConnection.canGreet(as: name) == isGood)
    }

    /// RELIABILITY rows 50 and 98: whoever calls it, and whatever DNS said.
    @Test func opensNoSocketToAForbiddenAddress() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
        } body: { server in
            let failure = try #require(await Self.failure(of: server, allowed: "192.0.2.0/24"))
            #expect(failure.code == .forbiddenAddress)
            #expect(server.heard.connections == 0)
        }
    }

    @Test func saysWhyNobodyListens() async throws {
        let port = try await FakeServer.with({ _, _ in }, body: { $0.port })
        let failure = try #require(await Self.failure(of: FakeServer(port: port, heard: Heard())))
        #expect(failure.code == .unreachable && failure.reply.step == .connect && failure.reply.code == 0)
        #expect(failure.reply.text.description == "No connection: Connection refused")
    }

    // MARK: - TLS

    @Test func encryptsWhenItIsOffered() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: ["STARTTLS"])
            _ = try await connection.hear(heard)
            connection.say("220 go\r\n")
            try await connection.startTLS()
            let line = try await connection.hear(heard)
            #expect(line == "EHLO client.example.test")
            connection.say("250-mx.remote.test\r\n250 SIZE\r\n")
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.isSecure)
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["delivered 250 2.0.0 end"])
            await connection.quit()
            #expect(
                server.heard.lines == [
                    "EHLO client.example.test", "STARTTLS", "EHLO client.example.test",
                    "MAIL FROM:<alice@example.test> SIZE=9", "RCPT TO:<bob@remote.test>", "DATA", "<X: 1|x>", "QUIT",
                ])
        }
    }

    /// RELIABILITY row 19: what was said behind the 220 could pass for an answer inside TLS.
    @Test func dropsTheConnectionWhenClearTextFollowsSTARTTLS() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: ["STARTTLS"])
            _ = try await connection.hear(heard)
            connection.say("220 go\r\n250-x\r\n250 AUTH\r\n")
            while true { _ = try await connection.hear(heard) }
        } body: { server in
            let failure = try #require(await Self.failure(of: server))
            #expect(failure.code == .protocolError)
            guard case .deferred = failure.result else { return #expect(Bool(false)) }
            #expect(server.heard.lines == ["EHLO client.example.test", "STARTTLS"])
            #expect(server.heard.connections == 1)
        }
    }

    @Test func goesOnInTheClearWhenTLSIsRefused() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: ["STARTTLS"])
            try await connection.serve(heard, answers: ["STARTTLS": "454 4.7.0 not now\r\n"])
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["delivered 250 2.0.0 end"])
            #expect(await !connection.isSecure)
            await connection.quit()
            #expect(server.heard.connections == 1)
        }
    }

    @Test func triesASecondConnectionWhenTheHandshakeFails() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: ["STARTTLS"])
            try await connection.serve(heard, answers: ["STARTTLS": "220 go\r\n"])
        } body: { server in
            // The server answers the handshake with SMTP: nonsense to TLS.
            let connection = try await server.connect(timeouts: Self.impatient { $0.handshake = Self.brief })
            #expect(await !connection.isSecure)
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["delivered 250 2.0.0 end"])
            await connection.quit()
            #expect(server.heard.connections == 2)
            #expect(server.heard.lines.filter { $0 == "STARTTLS" }.count == 1)
        }
    }

    /// TLS may be back in an hour: what a server refuses for its absence is not lost.
    @Test(arguments: [
        ("MAIL FROM:<alice@example.test>", "530 5.7.0 Must issue STARTTLS first", "deferred 0 4.7.5 mail host"),
        ("MAIL FROM:<alice@example.test>", "530 no", "deferred 0 4.7.5 mail host"),
        ("RCPT TO:<bob@remote.test>", "550 5.7.10 Encryption needed", "deferred 0 4.7.5 recipient host"),
        ("DATA", "554 5.7.0 no", "deferred 0 4.7.5 data host"),
        ("RCPT TO:<bob@remote.test>", "550 5.1.1 no such user", "failed 550 5.1.1 recipient"),
    ])
    func waitsForTLSWhereItIsDemanded(line: String, answer: String, expected: String) async throws {
        for refusal in ["454 4.7.0 not now", "220 go"] {
            try await FakeServer.with { connection, heard in
                try await connection.greet(heard, offers: ["STARTTLS"])
                try await connection.serve(heard, answers: ["STARTTLS": refusal + "\r\n", line: answer + "\r\n"])
            } body: { server in
                let connection = try await server.connect(timeouts: Self.impatient { $0.handshake = Self.brief })
                let results = await connection.deliver(mail("x\r\n")) {}
                #expect(results.map(words) == [expected])
                if expected.hasPrefix("deferred") {
                    let text = results[0].reply.text.description
                    #expect(text.contains(refusal.hasPrefix("4") ? "454" : "TLS") && text.contains(answer.prefix(3)))
                }
                await connection.quit()
            }
        }
    }

    @Test func takesARefusalAsItIsWhereNoTLSIsOffered() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: [])
            try await connection.serve(heard, answers: ["MAIL FROM:<alice@example.test>": "550 5.7.1 no\r\n"])
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["failed 550 5.7.1 mail"])
            await connection.quit()
        }
    }

    // MARK: - In a transaction

    /// Where in the dialogue the server misbehaves, with what, and what the sender of the mail gets.
    @Test(arguments: [
        ("MAIL FROM:<alice@example.test>", "354 go\r\n", "deferred 0 4.5.0 mail host"),
        ("MAIL FROM:<alice@example.test>", "nonsense\r\n", "deferred 0 4.4.2 mail host"),
        ("RCPT TO:<bob@remote.test>", "354 go\r\n", "deferred 0 4.5.0 recipient host"),
        ("RCPT TO:<bob@remote.test>", "421 bye\r\n", "deferred 421 4.0.0 recipient host"),
        ("DATA", "250 taken\r\n", "deferred 0 4.5.0 data host"),
        ("DATA", "421 4.3.0 bye\r\n", "deferred 421 4.3.0 data host"),
        ("DATA", "451 4.3.0 later\r\n", "deferred 451 4.3.0 data"),
        ("DATA", "554 5.6.0 never\r\n", "failed 554 5.6.0 data"),
        ("DATA", "999 what\r\n", "deferred 0 4.4.2 data host"),
    ])
    func takesNothingButTheRightCode(line: String, answer: String, expected: String) async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: [])
            try await connection.serve(heard, answers: [line: answer])
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail("secret\r\n")) {}.map(words) == [expected])
            await connection.quit()
            #expect(!server.heard.lines.joined().contains("secret"))
        }
    }

    /// Answers sent ahead, before their commands: the last one would acknowledge a mail that was never sent.
    @Test func believesNoAnswerBeforeTheMailIsSent() async throws {
        let chunk = String(repeating: "x", count: 1000) + "\r\n"
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            _ = try await connection.hear(heard)
            connection.say("250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 taken, really\r\n")
            await connection.pause(.seconds(30))
        } body: { server in
            let connection = try await server.connect()
            let results = await connection.deliver(mail(chunk, chunk)) {}
            #expect(results.map(words) == ["deferred 0 4.5.0 content host"])
            await connection.quit()
        }
    }

    @Test(arguments: [
        ("552 5.3.4 too big\r\n", "failed 552 5.3.4 content"), ("421 4.3.0 bye\r\n", "deferred 421 4.3.0 content host"),
        ("452 4.3.1 full\r\n", "deferred 452 4.3.1 content"), ("354 more\r\n", "deferred 0 4.5.0 content host"),
    ])
    func hearsARefusalInTheMidstOfTheContent(answer: String, expected: String) async throws {
        let chunk = String(repeating: String(repeating: "x", count: 998) + "\r\n", count: 60)
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: [])
            while try await connection.hear(heard) != "DATA" { connection.say("250 ok\r\n") }
            connection.say("354 go\r\n")
            _ = try await connection.readSome(timeout: .seconds(30))
            connection.say(answer)
            await connection.pause(.seconds(30))
        } body: { server in
            let connection = try await server.connect()
            // Far more than the socket takes while nobody reads.
            let endless = OutboundMail(
                id: .next(), sender: "", recipients: ["a@r.test"], prefix: [], size: 100_000_000, isEightBit: false
            ) { write in
                for _ in 0..<1700 { try await write(Array(chunk.utf8)) }
            }
            #expect(await connection.deliver(endless) {}.map(words) == [expected])
            await connection.quit()
        }
    }

    @Test func givesUpAServerThatTakesNothing() async throws {
        let chunk = String(repeating: String(repeating: "x", count: 998) + "\r\n", count: 60)
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: [])
            while try await connection.hear(heard) != "DATA" { connection.say("250 ok\r\n") }
            connection.say("354 go\r\n")
            await connection.pause(.seconds(60))
        } body: { server in
            let connection = try await server.connect(timeouts: Self.impatient { $0.dataBlock = Self.brief })
            let written = Mutex(0)
            let endless = OutboundMail(
                id: .next(), sender: "", recipients: ["a@r.test"], prefix: [], size: 100_000_000, isEightBit: false
            ) { write in
                for _ in 0..<1700 {
                    try await write(Array(chunk.utf8))
                    written.withLock { $0 += chunk.utf8.count }
                }
            }
            #expect(await connection.deliver(endless) {}.map(words) == ["deferred 0 4.4.2 content host"])
            // Not all of it was pulled into memory.
            #expect(written.withLock { $0 } < 50_000_000)
            await connection.quit()
        }
    }

    @Test func doesNotKnowWhetherAMailArrivedWhenTheAnswerIsMissing() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            try await connection.serve(heard, content: "")
        } body: { server in
            let impatient = Self.impatient { $0.termination = Self.brief }
            let connection = try await server.connect(timeouts: impatient)
            let results = await connection.deliver(mail(to: ["a@r.test", "b@r.test"], "x\r\n")) {}
            #expect(results.map(words) == ["deferred 0 4.4.2 end unknown", "deferred 0 4.4.2 end unknown"])
            #expect(await !connection.isUsable)
            await connection.quit()
        }
    }

    @Test(arguments: ["", "25", "999 what\r\n", "354 more\r\n"])
    func doesNotKnowEitherWhenTheConnectionBreaks(answer: String) async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: [])
            while try await connection.hear(heard) != "DATA" { connection.say("250 ok\r\n") }
            connection.say("354 go\r\n")
            try await connection.hearContent(heard)
            connection.say(answer)
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["deferred 0 4.4.2 end unknown"])
            await connection.quit()
        }
    }

    @Test func knowsThatNothingArrivedWhenTheConnectionBreaksBefore() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: [])
            while try await connection.hear(heard) != "RCPT TO:<bob@remote.test>" { connection.say("250 ok\r\n") }
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["deferred 0 4.4.2 recipient host"])
            await connection.quit()
        }
    }

    @Test func givesUpATarpitWithManyRecipients() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            _ = try await connection.hear(heard)
            for _ in 0..<1000 {
                connection.say("250 ok\r\n")
                await connection.pause(.milliseconds(50))
            }
        } body: { server in
            let timeouts = Self.impatient { $0.wholeEnvelope = Self.brief }
            let connection = try await server.connect(timeouts: timeouts)
            let results = await connection.deliver(mail(to: (0..<100).map { "u\($0)@r.test" }, "x\r\n")) {}
            #expect(Set(results.map(words)) == ["deferred 0 4.4.2 recipient host"])
            await connection.quit()
        }
    }

    @Test func noticesThatAnIdleServerHasGone() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
        } body: { server in
            let connection = try await server.connect()
            // The close is on its way; a mail that is sent all the same is not lost.
            let results = await connection.deliver(mail("x\r\n")) {}
            #expect(results.map(words) == ["deferred 0 4.4.2 mail host"])
            await connection.quit()
        }
    }

    @Test func endsWhenItIsCancelled() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            _ = try await connection.hear(heard)
            heard.note("stuck")
            await connection.pause(.seconds(60))
        } body: { server in
            let connection = try await server.connect()
            let task = Task { await connection.deliver(mail("x\r\n")) {} }
            while !server.heard.lines.contains("stuck") { await Task.yield() }
            task.cancel()
            #expect(await task.value.map(words) == ["deferred 0 4.4.2 mail host"])
            await connection.quit()
        }
    }
}
