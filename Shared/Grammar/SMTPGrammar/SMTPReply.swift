/// A reply of the server: code, enhanced code (RFC 2034, RFC 3463) and text, ready to send.
package struct SMTPReply: Sendable, Hashable {
    package let code: Int
    package let bytes: [UInt8]

    /// One line: `250 2.1.0 Sender ok`. The text comes from us and holds no line ends.
    package init(_ code: Int, _ enhanced: StaticString, _ text: String) {
        self.code = code
        self.bytes = Array("\(code) \(enhanced) \(text)\r\n".utf8)
    }

    /// Replies without an enhanced code: the greeting, 354, 334 and those to EHLO, HELO and QUIT's kin (RFC 2034 3).
    package init(_ code: Int, _ text: String) {
        self.code = code
        self.bytes = Array("\(code) \(text)\r\n".utf8)
    }

    /// Several lines (RFC 5321 4.2.1).
    package init(_ code: Int, lines: [String]) {
        self.code = code
        var text = ""
        for (index, line) in lines.enumerated() {
            text += "\(code)\(index == lines.count - 1 ? " " : "-")\(line)\r\n"
        }
        self.bytes = Array(text.utf8)
    }

    /// An AUTH challenge, already in base64 (RFC 4954 4).
    package init(challenge: [UInt8]) {
        self.code = 334
        self.bytes = Array("334 ".utf8) + challenge + [0x0D, 0x0A]
    }

    package var isPositive: Bool { code < 400 }
}
