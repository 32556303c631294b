import MailWire
import MessageGrammar

/// Transfer encodings, charsets, HTML, and files of mails.
enum DecoderOracle {
    static func check(_ input: [UInt8]) throws(OracleFailure) {
        for encoding in ["base64", "quoted-printable", "8bit"] {
            _ = try Division.expectSame(encoding, input) { pieces in
                var decoder = TransferDecoder(encoding)
                var output: [UInt8] = []
                for piece in pieces { piece.withUnsafeBytes { decoder.feed($0, into: &output) } }
                decoder.finish(into: &output)
                return output
            }
        }
        try base64(input)
        try html(String(decoding: input, as: UTF8.self))
        for charset in [nil, "utf-8", "iso-8859-1", "windows-1252", "us-ascii", "utf-16", "koi8-r", "no-such-charset"] {
            _ = CharsetDecoder.string(input, charset: charset)
        }
        for limit in [64, 1 << 20] {
            try mails(input, .mbox, limit: limit)
            try mails(input, .message, limit: limit)
        }
    }

    private static func base64(_ input: [UInt8]) throws(OracleFailure) {
        let encoded = Base64.encode(input)
        try expectEqual(Base64.decodeStrict(encoded), input, "base64, strict")
        try expectEqual(Base64.decodeLenient(encoded), input, "base64, lenient")
        if let decoded = Base64.decodeStrict(input) {
            try expectEqual(Base64.encode(decoded), input, "two spellings of one base64")
            try expectEqual(Base64.decodeLenient(input), decoded, "two readings of good base64")
        }
        _ = try Division.expectSame("ambiguity", input) { pieces in
            var decoder = Base64Decoder()
            var output: [UInt8] = []
            for piece in pieces { piece.withUnsafeBytes { decoder.feed($0, into: &output) } }
            return decoder.isAmbiguous
        }
    }

    private static func html(_ text: String) throws(OracleFailure) {
        let visible = VisibleText(html: text, maximumText: 4_096)
        // What is cut is cut behind a character, or behind the word that met the limit.
        try expect(visible.links.count <= VisibleText.maximumLinks, "too many links")
        try expect(visible.linkCount >= visible.links.count, "more links than there are")
        try expect((0...1).contains(visible.hiddenRatio), "a ratio of \(visible.hiddenRatio)")
        for link in visible.links { try expect(link.target.utf8.count <= VisibleText.maximumTarget, "a long target") }
        _ = LinkTarget.links(inPlainText: text)
    }

    private static func mails(
        _ input: [UInt8], _ format: MailFileSplitter.Format, limit: Int
    ) throws(OracleFailure) {
        let mails = try Division.expectSame("\(format)", input) { pieces in
            var splitter = MailFileSplitter(format, limit: limit)
            var mails: [[UInt8]] = []
            for piece in pieces { mails += splitter.feed(piece) }
            return mails + (splitter.finish().map { [$0] } ?? [])
        }
        try expect(mails.allSatisfy { !$0.isEmpty && $0.count <= limit }, "an empty mail, or one beyond the limit")
        if format == .message { try expect(mails.count <= 1, "two mails in one message") }
    }
}
