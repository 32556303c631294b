import LineServer
import SMTPRelay
import Testing

/// The client against servers that say anything at any time.
@Suite struct RandomServerTests {
    private static let sayings = [
        "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250-a\r\n250 b\r\n", "450 4.2.0 later\r\n",
        "550 5.1.1 no\r\n", "421 bye\r\n", "220 hello\r\n", "221 bye\r\n", "999 what\r\n", "25", "0 ok\r\n", "\r\n",
        "354-",
        "451 4.3.0 x\r\n552 y\r\n", "\0", "250-SIZE 1\r\n250 STARTTLS\r\n",
    ]

    /// Whatever is said: one result for each recipient, no hang, no crash; and a mail is only delivered by a 2xx.
    @Test(arguments: [["PIPELINING"], []])
    func endsEachMailWithOneResultPerRecipient(offers: [String]) async throws {
        var timeouts = ClientTimeouts()
        timeouts.envelope = .milliseconds(200)
        timeouts.dataInitiation = .milliseconds(200)
        timeouts.termination = .milliseconds(200)
        timeouts.quit = .milliseconds(200)
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: offers)
            for _ in 0..<12 {
                _ = try? await connection.readSome(timeout: .milliseconds(3))
                connection.say(Self.sayings.randomElement() ?? "")
                try await connection.flush()
            }
        } body: { [timeouts] server in
            for _ in 0..<60 {
                let connection = try await server.connect(timeouts: timeouts)
                for _ in 0..<3 {
                    let results = await connection.deliver(mail(to: ["a@r.test", "b@r.test"], "x\r\n")) {}
                    #expect(results.count == 2)
                    for case .delivered(let reply) in results { #expect(reply.code / 100 == 2 && reply.step == .end) }
                    for case .failed(let reply) in results { #expect(reply.code / 100 == 5) }
                }
                await connection.quit()
            }
        }
    }
}
