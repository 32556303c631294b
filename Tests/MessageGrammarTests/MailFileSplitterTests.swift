import MessageGrammar
import Testing

@Suite("Mails in files")
struct MailFileSplitterTests {
    private static let mbox = """
        From alice@example.org Sat Nov 21 10:00:00 2026
        Subject: one

        first
        >From here
        >>From there
        From within, after a line of text
        >Fro

        From bob@example.org Sat Nov 21 10:00:01 2026\r
        Subject: two\r
        \r
        second \r and on\r

        """
    private static let first = [
        "Subject: one", "", "first", "From here", ">From there", "From within, after a line of text", ">Fro", "", "",
    ].joined(separator: "\r\n")
    private static let second = "Subject: two\r\n\r\nsecond \r and on\r\n"

    private func split(_ text: String, _ format: MailFileSplitter.Format, pieces: Int, limit: Int = 1 << 16) -> [String]
    {
        var splitter = MailFileSplitter(format, limit: limit)
        let bytes = Array(text.utf8)
        var mails: [[UInt8]] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            mails += splitter.feed(Array(bytes[start..<min(start + pieces, bytes.count)]))
        }
        if let last = splitter.finish() { mails.append(last) }
        return mails.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("an mbox, whatever the pieces it comes in", arguments: [1, 2, 3, 7, 64, 100_000])
    func mbox(pieces: Int) {
        #expect(split(Self.mbox, .mbox, pieces: pieces) == [Self.first, Self.second])
    }

    @Test("a message file is one mail, separators or not", arguments: [1, 5, 1000])
    func message(pieces: Int) {
        #expect(
            split("Subject: x\n\nFrom me\n\nFrom you\n", .message, pieces: pieces)
                == ["Subject: x\r\n\r\nFrom me\r\n\r\nFrom you\r\n"])
        #expect(
            split("Subject: x\n\nno end of line\r", .message, pieces: pieces) == ["Subject: x\r\n\r\nno end of line\r"])
    }

    @Test("only the beginning of a mail is kept, and its end is still found")
    func limit() {
        let text =
            "From a\nSubject: 1\n\n" + String(repeating: "long ", count: 1000) + "\n\nFrom b\nSubject: 2\n\nshort\n"
        let mails = split(text, .mbox, pieces: 13, limit: 100)
        #expect(mails.map(\.utf8.count) == [100, 21])
        #expect(mails.last == "Subject: 2\r\n\r\nshort\r\n")
    }

    @Test("odd files", arguments: ["", "\n", "From ", "From \n", "From a\n", "From a\nFrom b\n\nFrom c\n\n\n\n"])
    func odd(text: String) {
        for pieces in [1, 4, 100] {
            #expect(split(text, .mbox, pieces: pieces).allSatisfy { !$0.isEmpty })
        }
    }

    @Test("what a file is")
    func formats() {
        func format(_ text: String) -> MailFileSplitter.Format? { MailFileSplitter.format(of: Array(text.utf8)) }
        #expect(format("From alice") == .mbox)
        #expect(format("Return-Path: <>\n") == .message)
        #expect(format("From: a@b\n") == .message)
        for text in ["", "3 V1 N2\n", ": x", "\u{1}\u{2}bin:", "Subject x", "From"] { #expect(format(text) == nil) }
    }
}
