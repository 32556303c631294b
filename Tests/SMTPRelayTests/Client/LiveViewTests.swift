import LineServer
import SMTPRelay
import Synchronization
import Testing

/// What somebody who watches a session sees of it.
@Suite(.serialized) struct LiveViewTests {
    @Test func showsTheDialogueAndTheHandshakeButNoContent() async throws {
        let seen = Mutex<[String]>([])
        let handshakes = Mutex<[TLSHandshake]>([])
        SessionTap.setSink { _, event, facts in
            guard facts().role == "relay" else { return }
            switch event {
            case .opened(_, let peer, _): seen.withLock { $0.append("opened \(peer)") }
            case .line(let direction, let text):
                seen.withLock { $0.append("\(direction == .fromClient ? "C" : "S"): \(text)") }
            case .tls(let handshake):
                handshakes.withLock { $0.append(handshake) }
                seen.withLock { $0.append("tls") }
            case .closed(let summary): seen.withLock { $0.append("closed \(summary.reason) \(summary.secure)") }
            case .state, .reply, .result, .login: break
            }
        }
        defer { SessionTap.setSink(nil) }
        try await FakeServer.with { connection, heard in
            try await connection.greet(heard, offers: ["STARTTLS"])
            _ = try await connection.hear(heard)
            connection.say("220 go\r\n")
            try await connection.startTLS()
            _ = try await connection.hear(heard)
            connection.say("250-mx.remote.test\r\n250 PIPELINING\r\n")
            try await connection.serve(heard)
        } body: { server in
            let connection = try await server.connect()
            _ = await connection.deliver(mail("secret content\r\n")) {}
            await connection.quit()
        }
        #expect(
            seen.withLock { $0 } == [
                "opened 127.0.0.1", "S: 220 mx.remote.test ESMTP", "C: EHLO client.example.test",
                "S: 250-mx.remote.test", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "tls",
                "C: EHLO client.example.test", "S: 250-mx.remote.test", "S: 250 PIPELINING",
                "C: MAIL FROM:<alice@example.test>", "C: RCPT TO:<bob@remote.test>", "C: DATA", "S: 250 2.1.0 ok",
                "S: 250 2.1.0 ok", "S: 354 go on", "C: <22 bytes of DATA>", "S: 250 2.0.0 taken", "C: QUIT",
                "S: 221 2.0.0 bye", "closed quit true",
            ])
        let handshake = try #require(handshakes.withLock { $0.first })
        #expect(handshake.version == 0x0304 && handshake.offeredVersions.allSatisfy { $0 >= 0x0303 })
        #expect(handshake.serverName?.description == "mx.remote.test")
    }
}
