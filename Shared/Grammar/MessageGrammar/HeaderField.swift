import Glibc
import MailWire

/// One field of a header block, as ranges of the block's bytes (RFC 5322 2.2).
package struct HeaderField: Sendable, Equatable {
    package let name: Range<Int>
    /// What follows the colon, still folded, without the line end that closes the field.
    package let body: Range<Int>
}

/// Walks the fields of a header block. Lines without a colon, mbox `From ` lines and continuations of nothing are
/// skipped; the walk ends at the empty line, at the end of the bytes or after `MessageLimits.headerFields` fields.
package struct HeaderFieldWalk: Sendable {
    private var position = 0
    private var count = 0
    /// Lines were skipped that are no field and no mbox `From ` line.
    private(set) var hasSkippedLines = false

    package init() {}

    package mutating func next(in bytes: UnsafeRawBufferPointer) -> HeaderField? {
        while position < bytes.count, count < MessageLimits.headerFields {
            let start = position
            let firstLineEnd = endOfLine(bytes, from: start)
            if isEmptyLine(bytes, start..<firstLineEnd) { return nil }
            position = firstLineEnd
            // RFC 5322 2.2.3: a line that begins with white space continues the field.
            while position < bytes.count, bytes[position].isWSP { position = endOfLine(bytes, from: position) }
            guard let name = Self.fieldName(bytes, start..<firstLineEnd) else {
                if start > 0 || !OddHeader.isEnvelopeLine(bytes) { hasSkippedLines = true }
                continue
            }
            count += 1
            var bodyEnd = position
            if bodyEnd > start, bytes[bodyEnd - 1] == .lineFeed { bodyEnd -= 1 }
            if bodyEnd > start, bytes[bodyEnd - 1] == .carriageReturn { bodyEnd -= 1 }
            return HeaderField(name: name.range, body: name.colon + 1..<max(name.colon + 1, bodyEnd))
        }
        return nil
    }

    private func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, Int32(UInt8.lineFeed), bytes.count - start)
        else { return bytes.count }
        return UnsafeRawPointer(found) - base + 1
    }

    private func isEmptyLine(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> Bool {
        line.count == 1 && bytes[line.lowerBound] == .lineFeed
            || line.count == 2 && bytes[line.lowerBound] == .carriageReturn && bytes[line.lowerBound + 1] == .lineFeed
    }

    /// RFC 5322 3.6.8: printable bytes but the colon; 4.5: white space before the colon is obsolete but valid.
    static func fieldName(
        _ bytes: UnsafeRawBufferPointer, _ line: Range<Int>
    ) -> (range: Range<Int>, colon: Int)? {
        guard let base = bytes.baseAddress,
            let found = memchr(base + line.lowerBound, Int32(UInt8(ascii: ":")), line.count)
        else { return nil }
        let colon = UnsafeRawPointer(found) - base
        var end = colon
        while end > line.lowerBound, bytes[end - 1].isWSP { end -= 1 }
        guard end > line.lowerBound else { return nil }
        for index in line.lowerBound..<end where bytes[index] <= 0x20 || bytes[index] == 0x7F { return nil }
        return (line.lowerBound..<end, colon)
    }
}

extension ASCII {
    /// Removes the line ends of folding (RFC 5322 2.2.3), keeps the white space, trims both ends. NUL, which no IMAP
    /// string can carry (RFC 3501 4.3), becomes 0x80, as in Dovecot.
    static func unfolded(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> [UInt8] {
        let trimmed = trimmedRange(bytes, range)
        return [UInt8](unsafeUninitializedCapacity: trimmed.count) { output, count in
            for index in trimmed {
                let byte = bytes[index]
                if byte == .carriageReturn || byte == .lineFeed { continue }
                output[count] = byte == 0 ? 0x80 : byte
                count += 1
            }
        }
    }
}
