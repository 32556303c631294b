import LineServer
import MailCore
import SMTPRelay
import Testing

/// The client against servers that behave.
@Suite struct DeliveryTests {
    @Test func carriesSeveralMailsOverOneConnection() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            let first = await connection.deliver(mail(to: ["a@r.test", "b@r.test"], ".a\r\n", "b\r", "\n..\r\n")) {}
            #expect(first.map(words) == ["delivered 250 2.0.0 end", "delivered 250 2.0.0 end"])
            #expect(await connection.isUsable)
            let second = await connection.deliver(mail(from: "", prefix: "", isEightBit: true, "no end")) {}
            #expect(second.map(words) == ["delivered 250 2.0.0 end"])
            #expect(second.first?.reply.host == "mx.remote.test")
            await connection.quit()
            #expect(
                server.heard.lines == [
                    "EHLO client.example.test", "MAIL FROM:<alice@example.test> SIZE=17", "RCPT TO:<a@r.test>",
                    "RCPT TO:<b@r.test>", "DATA", "<X: 1|..a|b|...>", "MAIL FROM:<> SIZE=6 BODY=8BITMIME",
                    "RCPT TO:<bob@remote.test>", "DATA", "<no end>", "QUIT",
                ])
            #expect(server.heard.connections == 1)
        }
    }

    @Test func waitsForEachReplyWithoutPipelining() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: [])
            while true {
                let line = try await connection.hear(heard)
                if connection.hasInput { heard.note("more than one command at a time") }
                connection.say(line == "DATA" ? "354 go\r\n" : "250 ok\r\n")
                if line == "DATA" {
                    try await connection.hearContent(heard)
                    connection.say("250 ok\r\n")
                }
            }
        } body: { server in
            let connection = try await server.connect()
            let results = await connection.deliver(mail(to: ["a@r.test", "b@r.test"], "x\r\n")) {}
            #expect(results.map(words) == ["delivered 250 2.0.0 end", "delivered 250 2.0.0 end"])
            #expect(
                server.heard.lines.dropFirst() == [
                    "MAIL FROM:<alice@example.test>", "RCPT TO:<a@r.test>", "RCPT TO:<b@r.test>", "DATA", "<X: 1|x>",
                ])
            await connection.quit()
        }
    }

    @Test func givesEachRecipientItsOwnResult() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            try await connection.serve(
                heard,
                answers: [
                    "RCPT TO:<b@r.test>": "452 4.5.3 too many\r\n",
                    "RCPT TO:<c@r.test>": "550-5.1.1 no\r\n550 5.1.1 such user\r\n",
                    "RCPT TO:<d@r.test>": "552 too many\r\n", "RCPT TO:<e@r.test>": "552 5.2.2 full\r\n",
                ])
        } body: { server in
            let connection = try await server.connect()
            let all = ["a@r.test", "b@r.test", "c@r.test", "d@r.test", "e@r.test", "f@r.test\r\nRSET"]
            let results = await connection.deliver(mail(to: all, "x\r\n")) {}
            #expect(
                results.map(words) == [
                    "delivered 250 2.0.0 end", "deferred 452 4.5.3 recipient", "failed 550 5.1.1 recipient",
                    "deferred 552 5.0.0 recipient", "failed 552 5.2.2 recipient", "failed 0 5.1.3 recipient",
                ])
            #expect(results[2].reply.text.description == "5.1.1 no 5.1.1 such user")
            await connection.quit()
        }
    }

    @Test(arguments: [["PIPELINING"], []])
    func sendsNothingWhenNobodyIsAccepted(offers: [String]) async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: offers)
            try await connection.serve(
                heard,
                answers: ["RCPT TO:<no@r.test>": "550 5.1.1 no\r\n", "RCPT TO:<later@r.test>": "450 4.2.0 later\r\n"])
        } body: { server in
            let connection = try await server.connect()
            let results = await connection.deliver(mail(to: ["no@r.test", "later@r.test"], "secret\r\n")) {}
            #expect(results.map(words) == ["failed 550 5.1.1 recipient", "deferred 450 4.2.0 recipient"])
            // The connection is as good as new.
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["delivered 250 2.0.0 end"])
            await connection.quit()
            #expect(!server.heard.lines.joined().contains("secret"))
        }
    }

    @Test func tellsARefusedMailFromARefusedHost() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: [])
            try await connection.serve(
                heard,
                answers: [
                    "MAIL FROM:<never@e.test>": "550 5.7.1 no\r\n", "MAIL FROM:<full@e.test>": "452 4.3.1 full\r\n",
                    "MAIL FROM:<later@e.test>": "451 4.7.1 greylisted\r\n",
                    "MAIL FROM:<closing@e.test>": "421 4.3.2 closing\r\n",
                ])
        } body: { server in
            let connection = try await server.connect()
            #expect(
                await connection.deliver(mail(from: "never@e.test", "x")) {}.map(words) == ["failed 550 5.7.1 mail"])
            #expect(
                await connection.deliver(mail(from: "full@e.test", "x")) {}.map(words) == [
                    "deferred 452 4.3.1 mail host"
                ])
            #expect(
                await connection.deliver(mail(from: "later@e.test", "x")) {}.map(words) == ["deferred 451 4.7.1 mail"])
            #expect(await connection.isUsable)
            #expect(
                await connection.deliver(mail(from: "closing@e.test", "x")) {}.map(words) == [
                    "deferred 421 4.3.2 mail host"
                ])
            #expect(await !connection.isUsable)
            #expect(await connection.deliver(mail("x")) {}.map(words) == ["deferred 0 4.4.2 mail host"])
            await connection.quit()
        }
    }

    @Test(arguments: [
        ("451 4.7.1 later\r\n", "deferred 451 4.7.1 end"), ("554 5.7.1 spam\r\n", "failed 554 5.7.1 end"),
    ])
    func takesTheAnswerToTheContent(answer: String, expected: String) async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            try await connection.serve(heard, content: answer)
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == [expected])
            #expect(await connection.isUsable)
            await connection.quit()
        }
    }

    @Test func sendsNoMailThatTheServerCannotTake() async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: ["SIZE 100"])
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail(size: 101, "x\r\n")) {}.map(words) == ["failed 0 5.3.4 mail limit"])
            #expect(
                await connection.deliver(mail(isEightBit: true, "x\r\n")) {}.map(words) == ["failed 0 5.6.3 mail limit"]
            )
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["delivered 250 2.0.0 end"])
            await connection.quit()
            #expect(server.heard.lines.filter { $0.hasPrefix("MAIL") }.count == 1)
        }
    }

    @Test func greetsOldServersWithHELO() async throws {
        try await FakeServer.with { connection, heard in
            connection.say("220 old\r\n")
            _ = try await connection.hear(heard)
            connection.say("502 what\r\n")
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail("x\r\n")) {}.map(words) == ["delivered 250 2.0.0 end"])
            await connection.quit()
            #expect(
                server.heard.lines.prefix(3) == [
                    "EHLO client.example.test", "HELO client.example.test", "MAIL FROM:<alice@example.test>",
                ])
        }
    }

    @Test func sendsNoDotWhenItMayNotFinish() async throws {
        struct Lost: Error {}
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            let results = await connection.deliver(mail("content\r\n")) { throw Lost() }
            #expect(results.map(words) == ["deferred 0 4.3.0 content"])
            #expect(await !connection.isUsable)
            await connection.quit()
            #expect(!server.heard.lines.contains { $0.hasPrefix("<") })
        }
    }

    @Test func sendsNoDotWhenTheStoredMailCannotBeRead() async throws {
        struct Broken: Error {}
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            let broken = OutboundMail(
                id: .next(), sender: "", recipients: ["a@r.test"], prefix: [], size: 10, isEightBit: false
            ) { write in
                try await write(Array("half\r\n".utf8))
                throw Broken()
            }
            #expect(await connection.deliver(broken) {}.map(words) == ["deferred 0 4.3.0 content"])
            await connection.quit()
            #expect(!server.heard.lines.contains { $0.hasPrefix("<") })
        }
    }

    /// RELIABILITY row 6: what a next server could take for the end of a line, and what follows for a command.
    @Test(arguments: ["a\n.\nMAIL FROM:<x@y>\r\n", "a\r.\r\nb", "a\r\n.\r", "\n"])
    func sendsNoLoneCarriageReturnOrLineFeed(body: String) async throws {
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard)
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            #expect(await connection.deliver(mail(body)) {}.map(words) == ["failed 0 5.6.0 content"])
            await connection.quit()
            #expect(!server.heard.lines.contains { $0.hasPrefix("<") || $0.contains("x@y") })
        }
    }

    @Test func streamsALargeMail() async throws {
        let line = String(repeating: ".", count: 70) + "\r\n"
        let chunk = String(repeating: line, count: 3000)
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: ["PIPELINING"])
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            let results = await connection.deliver(mail(prefix: "", chunk, chunk, chunk, chunk)) {}
            #expect(results.map(words) == ["delivered 250 2.0.0 end"])
            await connection.quit()
            let content = try #require(server.heard.lines.first { $0.hasPrefix("<") })
            #expect(content.utf8.count == 12_000 * 72 + 1)
        }
    }
}
