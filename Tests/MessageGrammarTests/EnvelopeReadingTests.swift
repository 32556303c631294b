import MessageGrammar
import Testing

@Suite struct EnvelopeReadingTests {
    static let fields: [EnvelopeReading.Field] = [.subject, .inReplyTo, .messageID, .from, .to, .cc, .bcc]

    /// `nil`: has to be decoded.
    private func read(_ field: EnvelopeReading.Field, _ text: String) throws -> String? {
        var octets: [UInt8] = []
        let isPlain = try scan(text).encoded().withUnsafeBytes { summary throws in
            try EnvelopeReading.appendPlain(field, of: summary, to: &octets)
        }
        return isPlain ? String(decoding: octets, as: UTF8.self) : nil
    }

    @Test func plainFieldsAreTheirOctets() throws {
        let text = mail(
            "Date: Mon, 7 Feb 1994 21:52:25 -0800", "From: Ann <a@b>, c@d", "Sender: e@f", "Reply-To: g@h",
            "To: Team: i@j, K <k@l>;", "Cc: m@n", "Subject: A = b? c", "In-Reply-To: <1@x>",
            "Message-ID: <2@x>", "", "b")
        let found = try Self.fields.map { try read($0, text) }
        #expect(
            found == ["A = b? c", "<1@x>", "<2@x>", "Ann <a@b>, <c@d>", "Team, <i@j>, K <k@l>, ", "<m@n>", ""])
    }

    @Test func withoutDateAndWithSharedAddressesToo() throws {
        let text = mail("From: a@b", "Bcc: c@d", "Subject: x", "", "b")
        let found = try Self.fields.map { try read($0, text) }
        #expect(found == ["x", "", "", "<a@b>", "", "", "<c@d>"])
    }

    @Test(arguments: ["=?utf-8?q?x?=", "a =?utf-8?q?x?=", "\u{E4}", "a\tb"])
    func whatMustBeDecodedIsLeftAlone(value: String) throws {
        #expect(try read(.subject, mail("Subject: \(value)", "", "b")) == nil)
        #expect(try read(.to, mail("To: \"\(value)\" <a@b>", "", "b")) == nil)
        #expect(try read(.from, mail("To: \"\(value)\" <a@b>", "From: c@d", "", "b")) == "<c@d>")
    }

    @Test func aCutOffSummaryIsRefusedOrReadAsFarAsItGoes() {
        let bytes = scan(mail("From: a@b", "To: c@d", "Subject: x", "", "b")).encoded()
        for length in 0..<bytes.count {
            for field in Self.fields {
                var octets: [UInt8] = []
                let isPlain = bytes[..<length].withUnsafeBytes { summary in
                    try? EnvelopeReading.appendPlain(field, of: summary, to: &octets)
                }
                let text = String(decoding: octets, as: UTF8.self)
                #expect(isPlain != true || ["x", "<a@b>", "<c@d>", ""].contains(text))
            }
        }
    }
}
