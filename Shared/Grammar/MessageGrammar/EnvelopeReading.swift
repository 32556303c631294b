import MailWire

/// One field of the envelope in an encoded summary, read where it lies: for who looks for a word in thousands of mails.
package enum EnvelopeReading {
    package enum Field: Sendable { case subject, inReplyTo, messageID, from, to, cc, bcc }

    /// Appends the field to `text` as a person would read it. False when it takes more than its octets to know what that
    /// is (encoded words, bytes beyond ASCII, control characters): the envelope has to be decoded then.
    package static func appendPlain(
        _ field: Field, of summary: UnsafeRawBufferPointer, to text: inout [UInt8]
    ) throws(SummaryDecodingError) -> Bool {
        var reader = SummaryReader(summary)
        try MessageSummary.skipHead(&reader)
        // date, subject, inReplyTo, messageID
        for known in [nil, Field.subject, .inReplyTo, .messageID] {
            let value = try reader.optionalSlice()
            if known == field { return appendPlain(value, to: &text) }
        }
        if field == .from { return try appendAddresses(&reader, to: &text) }
        try skipAddresses(&reader)
        let shared = try reader.byte()
        if shared & 1 == 0 { try skipAddresses(&reader) }
        if shared & 2 == 0 { try skipAddresses(&reader) }
        for known in [Field.to, .cc, .bcc] {
            if known == field { return try appendAddresses(&reader, to: &text) }
            try skipAddresses(&reader)
        }
        return false
    }

    private static func appendPlain(_ bytes: UnsafeRawBufferPointer?, to text: inout [UInt8]) -> Bool {
        guard let bytes else { return true }
        var previous: UInt8 = 0
        for byte in bytes {
            guard byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "?") || previous != UInt8(ascii: "=") else {
                return false
            }
            previous = byte
        }
        text.append(contentsOf: bytes)
        return true
    }

    /// As `Envelope` gives them out to a search: `name <mailbox@host>, ...`.
    private static func appendAddresses(
        _ reader: inout SummaryReader, to text: inout [UInt8]
    ) throws(SummaryDecodingError) -> Bool {
        let start = text.count
        for _ in 0..<(try reader.elements()) {
            let (name, _) = (try reader.optionalSlice(), try reader.optionalSlice())
            let (mailbox, host) = (try reader.optionalSlice(), try reader.optionalSlice())
            if text.count > start { text.append(contentsOf: ", ".utf8) }
            if let name {
                guard appendPlain(name, to: &text) else { return false }
                text.append(UInt8(ascii: " "))
            }
            if let mailbox, let host {
                text.append(UInt8(ascii: "<"))
                guard appendPlain(mailbox, to: &text) else { return false }
                text.append(UInt8(ascii: "@"))
                guard appendPlain(host, to: &text) else { return false }
                text.append(UInt8(ascii: ">"))
            } else {
                guard appendPlain(mailbox, to: &text) else { return false }
            }
        }
        return true
    }

    private static func skipAddresses(_ reader: inout SummaryReader) throws(SummaryDecodingError) {
        for _ in 0..<(try reader.elements()) {
            for _ in 0..<4 { _ = try reader.optionalSlice() }
        }
    }
}
