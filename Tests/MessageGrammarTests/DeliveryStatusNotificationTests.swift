import MailCore
import MessageGrammar
import Testing

@Suite struct DeliveryStatusNotificationTests {
    private func recipient(
        _ address: String = "u@remote.test", original: String? = nil, status: String = "5.1.1", code: Int = 550,
        reply: String = "5.1.1 No such user", isExpired: Bool = false
    ) -> DeliveryStatusNotification.Recipient {
        .init(
            address: address, original: original, status: status, code: code, reply: reply, host: "mx.remote.test",
            lastAttempt: Timestamp(seconds: 1_795_255_205), isExpired: isExpired)
    }

    private func text(
        _ recipients: [DeliveryStatusNotification.Recipient],
        original: String = "Message-ID: <1@x>\r\nSubject: Hi\r\n\r\nBody\r\n"
    ) -> String {
        let notification = DeliveryStatusNotification(
            id: "N1", host: "mail.local.test", from: "MAILER-DAEMON@local.test", to: "alice@local.test",
            date: Timestamp(seconds: 1_795_255_205), arrived: Timestamp(seconds: 1_795_250_000),
            recipients: recipients, original: Array(original.utf8))
        return String(decoding: notification.encoded(), as: UTF8.self)
    }

    @Test func `has the fields of RFC 3464 and the header of the mail`() {
        let mail = text([recipient(original: "list@local.test")])
        for line in [
            "To: <alice@local.test>", "Auto-Submitted: auto-replied", "In-Reply-To: <1@x>",
            "Content-Type: multipart/report; report-type=delivery-status;", "Content-Type: message/delivery-status",
            "Reporting-MTA: dns; mail.local.test", "Original-Recipient: rfc822; list@local.test",
            "Final-Recipient: rfc822; u@remote.test", "Action: failed", "Status: 5.1.1",
            "Remote-MTA: dns; mx.remote.test", "Diagnostic-Code: smtp; 550 5.1.1 No such user",
            "Content-Type: text/rfc822-headers", "Subject: Hi", "--=_N1--",
        ] {
            #expect(mail.contains("\r\n\(line)\r\n"), "\(line)")
        }
        #expect(!mail.contains("Body"))
        #expect(!mail.replacing("\r\n", with: "").utf8.contains { $0 == 0x0A || $0 == 0x0D })
    }

    @Test(arguments: [
        ("5.1.1", 550, false, "5.1.1"), ("4.2.1", 450, true, "5.2.1"), ("4.4.1", 0, true, "5.4.7"),
        ("x.0.0", 550, false, "5.0.0"), ("", 0, true, "5.4.7"), ("5.1.1\r\nX: y", 550, false, "5.0.0"),
    ])
    func `the status is permanent`(status: String, code: Int, isExpired: Bool, shown: String) {
        let mail = text([recipient(status: status, code: code, isExpired: isExpired)])
        #expect(mail.contains("\r\nStatus: \(shown)\r\n"))
    }

    @Test func `nothing from a peer begins a line of its own`() {
        let evil = "x\r\nX-Injected: 1\r\n\r\n--=_N0"
        let mail = text([recipient("u\r\nX-Injected: 1@remote.test", original: evil, reply: evil)])
        #expect(!mail.contains("\r\nX-Injected"))
        #expect(!mail.contains("\r\n--=_N0"))
    }

    @Test func `a header without an end, with long lines or eight bits is returned as far as it goes`() {
        let long = "X-Long: " + String(repeating: "é", count: 2000)
        let mail = text([recipient()], original: "\(long)\r\nSubject: Ü\r\nno end of line")
        #expect(mail.contains("\r\nContent-Transfer-Encoding: 8bit\r\n"))
        #expect(mail.contains("\r\nSubject: Ü\r\n") && !mail.contains("no end of line"))
        #expect(mail.utf8.split(separator: 0x0A).allSatisfy { $0.count <= 999 })
    }

    @Test func `is a mail that our own scanner reads as three parts`() {
        let notification = text([recipient(), recipient("v@remote.test")])
        var scanner = MessageScanner()
        scanner.feed(Array(notification.utf8))
        let summary = scanner.finish()
        #expect(!summary.flags.contains(.malformed) && !summary.flags.contains(.ambiguous))
        #expect(summary.structure.children.count == 3)
    }
}
