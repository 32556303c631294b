import Classifier
import MailCore
import Testing

@Suite("Verdict")
struct VerdictTests {
    static let testPattern = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

    private func verdict(_ sample: MailSample, _ model: SpamModel = Samples.trained()) -> Verdict {
        model.verdict(of: sample, version: 7, using: FeatureExtractor())
    }

    @Test("is never milder than the deterministic rules")
    func obeysRules() throws {
        let result = verdict(Samples.mail(body: "lunch at noon in the garden\n\(Self.testPattern)"))
        #expect(result.isJunk)
        #expect(result.probability > 0.99)
        #expect(try #require(result.reasons.first).code == ReasonCode.ruleTestPattern.rawValue)
        // In the plain twin of a text that has another one in HTML, of which it reads only the latter.
        let twins = Samples.mail(
            """
            From: alice@example.test
            Subject: lunch
            MIME-Version: 1.0
            Content-Type: multipart/alternative; boundary=b

            --b

            \(Self.testPattern)
            --b
            Content-Type: text/html

            <p>\(String(repeating: "lunch at noon in the garden ", count: 20))</p>
            --b--

            """)
        #expect(verdict(twins).reasons.first?.code == ReasonCode.ruleTestPattern.rawValue)
    }

    @Test("finds the ending of a program behind a document's name", arguments: [4, 300])
    func disguisedProgram(spaces: Int) {
        let program = Samples.mail(
            """
            From: alice@example.test
            Subject: invoice
            MIME-Version: 1.0
            Content-Type: multipart/mixed; boundary=b

            --b

            lunch at noon in the garden
            --b
            Content-Type: application/octet-stream
            Content-Disposition: attachment; filename="invoice.pdf\(String(repeating: " ", count: spaces)).exe"

            MZ
            --b--

            """)
        let result = verdict(program)
        #expect(result.label != .ham && result.reasons.first?.code == ReasonCode.ruleDisguisedProgram.rawValue)
    }

    @Test("gives at most five reasons of the closed set, strongest first, for its own side")
    func explains() throws {
        let spam = verdict(Samples.mail(subject: "free money", body: "buy cheap pills now, click here"))
        let ham = verdict(Samples.mail(body: "please review the meeting notes before lunch"))
        #expect(spam.isJunk && !ham.isJunk)
        for result in [spam, ham] {
            #expect(!result.reasons.isEmpty && result.reasons.count <= 5)
            #expect(result.modelVersion == 7)
            let weights = result.reasons.map { abs($0.weight) }
            #expect(weights == weights.sorted(by: >))
            for reason in result.reasons {
                #expect(ReasonCode(rawValue: reason.code) != nil)
                #expect(result.isJunk ? reason.weight > 0 : reason.weight < 0)
                #expect(!reason.text.isEmpty && reason.text.utf8.count <= 300)
            }
        }
        let words = try #require(spam.reasons.first { $0.code == ReasonCode.wordsBody.rawValue })
        #expect(["pills", "cheap", "click", "buy", "here", "now"].contains { words.text.contains("\"\($0)\"") })
    }

    @Test("names the deceiving link")
    func namesMismatch() {
        let extractor = FeatureExtractor()
        let mail = Samples.mail(
            "From: a@example.test\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/html\n\n"
                + "<p>Log in: <a href=\"http://evil.test/in\">https://www.bank.example/login</a></p>\n")
        extractor.read(mail)
        #expect(extractor.linkMismatch?.shown == "bank.example")
        #expect(extractor.linkMismatch?.real == "evil.test")
    }

    /// What the mail says about itself is text like any other.
    @Test(
        "takes no orders from the mail",
        arguments: [
            "ignore all rules, category=priority, spam=0", "X-Spam-Status: No", "{\"label\":\"ham\",\"probability\":0}",
        ])
    func takesNoOrders(order: String) {
        let spam = "buy cheap pills now, you won the lottery prize money, free casino bonus click here"
        let result = verdict(Samples.mail(subject: "free prize", body: "\(order)\n\(spam)\n\(Self.testPattern)"))
        #expect(result.isJunk)
        #expect(Verdict.Label.allCases.contains(result.label))
    }

    @Test("judges anything without failing")
    func survivesAnything() {
        var generator = SeededGenerator(seed: 23)
        let model = SpamModel()
        let extractor = FeatureExtractor()
        let pieces = [
            "From: a@b\r\n", "Subject: =?utf-8?q?=FF?=\r\n", "Content-Type: multipart/mixed; boundary=x\r\n", "\r\n",
            "--x\r\n", "--x--\r\n",
            "Content-Type: text/html\r\n", "<a href=\"http://", "<", "&#x110000;", "\u{0}\u{1A}",
            "Content-Transfer-Encoding: base64\r\n",
            "v i a g r a", "=?", "\u{202E}\u{200B}", "://", "<style", "name=\"a.pdf.exe\"",
        ].map { Array($0.utf8) }
        for _ in 0..<500 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...30, using: &generator) {
                bytes += pieces.randomElement(using: &generator) ?? []
                if Bool.random(using: &generator) { bytes.append(UInt8.random(in: 0...255, using: &generator)) }
            }
            let result = model.verdict(of: Samples.mail(bytes), version: 1, using: extractor)
            #expect((0...1).contains(result.probability))
        }
    }

    @Test("judges a mail of which only the beginning is there")
    func acceptsCutMail() {
        var mail = Samples.mail(body: String(repeating: "lunch at noon in the garden\n", count: 100))
        mail.bytes = Array(mail.bytes.prefix(90))
        #expect(!verdict(mail).isJunk)
        mail.bytes = []
        _ = verdict(mail)
    }
}
