import MessageGrammar
import Testing

@Suite struct SummaryEncodingTests {
    static let samples = [
        "", "Subject: x\r\n\r\nb", SectionTests.text,
        mail(
            "From: a@b, G:c@d;", "Sender: e@f", "Reply-To: g@h", "Date: 1 Jan 1960 00:00:00 -0130",
            "Content-Type: x-odd/x-type; a=b; c*0=d",
            "Content-Transfer-Encoding: x-odd", "Content-ID: <i>", "Content-Language: a, b",
            "Content-Disposition: attachment; filename=\"x\"",
            "Content-MD5: m", "Content-Location: l", "Content-Description: \u{E4}", "", "\u{E4}\u{0}"),
    ]

    @Test(arguments: samples)
    func roundTrips(text: String) throws {
        let summary = scan(text)
        #expect(try MessageSummary(decoding: summary.encoded()) == summary)
    }

    @Test func everyCutOffFormIsRefused() {
        for text in Self.samples {
            let bytes = scan(text).encoded()
            for length in 0..<bytes.count {
                #expect(throws: SummaryDecodingError.self) { try MessageSummary(decoding: Array(bytes[..<length])) }
            }
            #expect(throws: SummaryDecodingError.corrupt) { try MessageSummary(decoding: bytes + [0]) }
        }
        #expect(throws: SummaryDecodingError.unknownVersion(9)) { try MessageSummary(decoding: [9]) }
    }

    /// Damage may give a wrong summary, never a trap or a huge allocation.
    @Test func damagedFormsAreBounded() {
        var random = SeededGenerator(seed: 11)
        for text in Self.samples {
            let bytes = scan(text).encoded()
            for _ in 0..<5_000 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                }
                if let summary = try? MessageSummary(decoding: damaged) {
                    _ = summary.part(at: [1, 1])
                    _ = try? MessageSummary(decoding: summary.encoded())
                }
            }
        }
    }

    /// The stored form is an interface: a mail stored by an earlier version must stay readable. Never change these
    /// bytes.
    @Test func goldenFormOfVersionOne() throws {
        let summary = scan(mail("From: a@b", "Subject: s", "Date: 1 Jan 1970 00:00:01 +0000", "", "text"))
        let hex = summary.encoded().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(hex == Self.golden)
    }
    private static let golden =
        "010040050180897a001a31204a616e20313937302030303a30303a3031202b3030303002730000010000026102"
        + "620300000001010000003a0601000474657874"
}
