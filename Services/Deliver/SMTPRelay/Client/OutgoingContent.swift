import MailWire
import SMTPGrammar

/// The content of a mail on its way out: checked, dot-stuffed, with its end (RFC 5321 4.5.2).
struct OutgoingContent {
    private var check = SMTPContentCheck()
    private var stuffing = DotStuffing()

    /// `nil` when a lone CR or LF is in it.
    mutating func encode(_ chunk: [UInt8]) -> [UInt8]? {
        var encoded: [UInt8] = []
        let isClean = chunk.withUnsafeBytes { bytes in
            stuffing.encode(bytes, into: &encoded)
            return check.accepts(bytes)
        }
        return isClean ? encoded : nil
    }

    /// The final dot on a line of its own; `nil` when the content ends with a lone CR.
    mutating func end() -> [UInt8]? {
        guard check.isComplete else { return nil }
        var encoded: [UInt8] = []
        stuffing.end(into: &encoded)
        return encoded
    }
}
