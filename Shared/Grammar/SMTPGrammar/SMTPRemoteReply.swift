import MailWire

/// A whole reply of a remote server (RFC 5321 4.2), as the client reads it.
package struct SMTPRemoteReply: Sendable, Hashable {
    /// 200 to 599.
    package let code: Int
    /// The lines without code, separator and line end.
    package let lines: [[UInt8]]

    package init(code: Int, lines: [[UInt8]]) {
        self.code = code
        self.lines = lines
    }

    /// 2xx: done.
    package var isPositive: Bool { code / 100 == 2 }
    /// 3xx: send the rest.
    package var isIntermediate: Bool { code / 100 == 3 }
    /// 4xx: later perhaps.
    package var isTransient: Bool { code / 100 == 4 }
    /// 5xx: no.
    package var isPermanent: Bool { code / 100 == 5 }

    /// `5.1.1` at the start of the text (RFC 2034 4, RFC 3463 2) when it agrees with the code; otherwise what the code's
    /// first digit alone says (`5.0.0`).
    package var status: String { writtenStatus ?? "\(code / 100).0.0" }

    /// The enhanced status code that the server wrote.
    package var writtenStatus: String? {
        guard let first = lines.first else { return nil }
        let word = first.prefix { $0 != .space }
        let parts = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ (1...3).contains($0.count) && $0.allSatisfy(\.isASCIIDigit) }),
            parts[0].count == 1, Decimal.parseInt(parts[0]) == code / 100, [2, 4, 5].contains(code / 100)
        else { return nil }
        return String(decoding: word, as: UTF8.self)
    }

    /// The text of all lines, cut to what a log or a notification can bear; any byte may be in it.
    package var text: [UInt8] {
        Array(lines.prefix(SMTPLimits.replyLinesKept).joined(separator: [UInt8.space]).prefix(SMTPLimits.replyTextKept))
    }
}
