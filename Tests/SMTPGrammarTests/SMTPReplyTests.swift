import SMTPGrammar
import Testing

@Suite struct SMTPReplyTests {
    private func text(_ reply: SMTPReply) -> String { String(decoding: reply.bytes, as: UTF8.self) }

    @Test func repliesAsOnTheWire() {
        #expect(text(SMTPReply(250, "2.1.0", "Sender ok")) == "250 2.1.0 Sender ok\r\n")
        #expect(
            text(SMTPReply(250, lines: ["mx", "PIPELINING", "SIZE 10"]))
                == "250-mx\r\n250-PIPELINING\r\n250 SIZE 10\r\n")
        #expect(text(SMTPReply(challenge: [])) == "334 \r\n")
    }

    @Test func receivedField() {
        var bytes: [UInt8] = []
        ReceivedField(
            client: "mx.remote.test", peer: "192.0.2.1", host: "mx.local.test",
            transport: .init(isExtended: true, isSecure: true, isAuthenticated: false), id: "42",
            recipient: "bob@local.test", date: Array("Sat, 21 Nov 2026 07:55:05 +0000".utf8)
        ).append(to: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "Received: from mx.remote.test ([192.0.2.1])\r\n\tby mx.local.test with ESMTPS id 42\r\n\tfor <bob@local.test>;\r\n\tSat, 21 Nov 2026 07:55:05 +0000\r\n"
        )
    }

    @Test func transports() {
        #expect(ReceivedField.Transport(isExtended: false, isSecure: false, isAuthenticated: false) == .smtp)
        #expect(ReceivedField.Transport(isExtended: true, isSecure: false, isAuthenticated: false) == .esmtp)
        #expect(ReceivedField.Transport(isExtended: true, isSecure: true, isAuthenticated: true) == .esmtpsa)
    }
}
