import MailCore
import MailboxFiler
import MessageGrammar
import Storage
import Testing

@Suite("Delivery prefix")
struct DeliveryPrefixTests {
    private func text(
        _ from: String = "bob@remote.test", _ to: String = "alice@example.test", _ verdict: Verdict? = nil
    ) -> String {
        String(decoding: DeliveryPrefix(envelopeFrom: from, address: to, verdict: verdict).bytes, as: UTF8.self)
    }

    private func verdict(_ reasons: [Verdict.Reason] = []) -> Verdict {
        Verdict(label: .spam, probability: 0.98764, reasons: reasons, modelVersion: 3)
    }

    @Test("Return-Path comes first, then Delivered-To, then the verdict")
    func order() {
        let reasons = [
            Verdict.Reason(code: "words.subject", text: "the word casino", weight: 2.5),
            Verdict.Reason(code: "sender.known", text: "a known sender", weight: -0.126),
        ]
        #expect(
            text("bob@remote.test", "alice@example.test", verdict(reasons))
                == "Return-Path: <bob@remote.test>\r\nDelivered-To: alice@example.test\r\n"
                + "X-Martlet-Verdict: spam; p=0.9876; model=3\r\n"
                + "X-Martlet-Reason: words.subject; w=2.50; the word casino\r\n"
                + "X-Martlet-Reason: sender.known; w=-0.13; a known sender\r\n")
    }

    @Test("the null sender and a missing verdict are shown as such")
    func empty() {
        #expect(
            text("", "alice@example.test")
                == "Return-Path: <>\r\nDelivered-To: alice@example.test\r\nX-Martlet-Verdict: none\r\n")
    }

    @Test(
        "nothing that came from outside can begin a field or leave ASCII",
        arguments: [
            "a\r\nX-Inj: 1", "a\nBcc: x@y", "a\u{0}b", "grüße", "\u{2028}x", "a\u{7F}\u{1B}[2J", " \t ", "\r\n\r\nbody",
        ])
    func injection(_ evil: String) {
        let reason = Verdict.Reason(code: evil, text: "\(evil) \(evil)", weight: .infinity)
        let prefix = DeliveryPrefix(envelopeFrom: evil, address: evil, verdict: verdict([reason])).bytes
        var lines = prefix.split(separator: 0x0A, omittingEmptySubsequences: false)
        #expect(lines.popLast()?.isEmpty == true)
        for line in lines {
            #expect(line.last == 0x0D)
            let content = line.dropLast()
            #expect(content.allSatisfy { (0x20...0x7E).contains($0) })
            let text = String(decoding: content, as: UTF8.self)
            #expect(["Return-Path: ", "Delivered-To: ", "X-Martlet-", " "].contains { text.hasPrefix($0) })
            #expect(!text.allSatisfy { $0 == " " })
        }
    }

    @Test("long fields are folded at 78 columns, and no line crosses 998 octets")
    func folding() {
        let words = Array(repeating: "shortword", count: 60).joined(separator: " ")
        let reason = Verdict.Reason(code: "words.body", text: words, weight: 1)
        for line in text("a@b", "c@d", verdict([reason])).split(separator: "\r\n") { #expect(line.utf8.count <= 78) }
        let long = String(repeating: "x", count: 5000)
        for line in text(long, long).split(separator: "\r\n") { #expect(line.utf8.count <= 998) }
    }

    @Test("at most five reasons are shown")
    func reasons() {
        let many = (0..<9).map { Verdict.Reason(code: "c\($0)", text: "t", weight: 1) }
        #expect(text("a@b", "c@d", verdict(many)).split(separator: "\r\n").count == 8)
    }
}

@Suite("Filing rules")
struct FilingRulesTests {
    private func verdict(_ label: Verdict.Label) -> Verdict {
        Verdict(label: label, probability: 0.5, reasons: [], modelVersion: 1)
    }

    @Test("unwanted mail goes to Junk, whatever its kind")
    func labels() {
        #expect(FilingRules.folder(verdict: verdict(.ham), origin: .mx) == .inbox)
        #expect(FilingRules.folder(verdict: verdict(.spam), origin: .mx) == .junk)
        #expect(FilingRules.folder(verdict: verdict(.phish), origin: .submission) == .junk)
    }

    @Test("without a verdict, and for our own notices, INBOX")
    func inbox() {
        #expect(FilingRules.folder(verdict: nil, origin: .mx) == .inbox)
        #expect(FilingRules.folder(verdict: verdict(.spam), origin: .dsn) == .inbox)
    }

    @Test("a mail that nobody judged in time goes by the deterministic rules alone")
    func rulesAlone() throws {
        let mail = Array(
            "Subject: x\r\n\r\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n".utf8)
        var scanner = MessageScanner()
        mail.withUnsafeBytes { scanner.feed($0) }
        let summary = scanner.finish().encoded()
        let verdict = try #require(FilingRules.ruleVerdict(summary, beginning: mail))
        #expect(verdict.label == .spam)
        #expect(verdict.modelVersion == 0)
        #expect(verdict.reasons.map(\.code) == ["rule.test-pattern"])
        #expect(FilingRules.ruleVerdict(summary, beginning: Array("\r\nHello\r\n".utf8)) == nil)
        #expect(FilingRules.ruleVerdict([], beginning: mail) == nil)
        #expect(FilingRules.ruleVerdict([0xFF, 1, 2], beginning: mail) == nil)
    }
}
