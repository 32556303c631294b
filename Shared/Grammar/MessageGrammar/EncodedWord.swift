import MailWire

/// Encoded words (RFC 2047), read leniently: long ones, spaces in Q text and characters cut between words are accepted.
package enum EncodedWord {
    /// Longest text of one word that is looked at; RFC 2047 2 allows 75 with everything.
    private static let maximumText = 2_048

    /// The text of an unfolded header value. Control characters, decoded ones too, become spaces, so that no header can
    /// be made out of it (`=?utf-8?B?DQpCY2M6...?=`).
    package static func decode(_ bytes: [UInt8]) -> String {
        bytes.withUnsafeBytes { decode($0) }
    }

    package static func decode(_ bytes: UnsafeRawBufferPointer) -> String {
        var assembly = Assembly()
        var position = 0
        var plainStart = 0
        while position < bytes.count {
            guard bytes[position] == UInt8(ascii: "="), let word = parse(bytes, at: position) else {
                position += 1
                continue
            }
            assembly.plain(bytes, plainStart..<position)
            assembly.word(word.text, charset: word.charset)
            position = word.end
            plainStart = position
        }
        assembly.plain(bytes, plainStart..<bytes.count)
        return assembly.finish()
    }

    /// `=?charset[*language]?B|Q?text?=` at `start`.
    private static func parse(
        _ bytes: UnsafeRawBufferPointer, at start: Int
    ) -> (charset: String, text: [UInt8], end: Int)? {
        var position = start + 2
        guard position < bytes.count, bytes[start + 1] == UInt8(ascii: "?") else { return nil }
        let charsetStart = position
        while position < bytes.count, bytes[position].isTokenByte, position - charsetStart <= 80 { position += 1 }
        let charsetEnd = position
        guard charsetEnd > charsetStart, position + 3 < bytes.count, bytes[position] == UInt8(ascii: "?"),
            bytes[position + 2] == UInt8(ascii: "?")
        else { return nil }
        let encoding = bytes[position + 1].asciiLowercased
        let textStart = position + 3
        guard let textEnd = endOfText(bytes, from: textStart) else { return nil }
        // RFC 2231 5: a language may follow the charset.
        let charset = bytes[charsetStart..<charsetEnd].prefix { $0 != UInt8(ascii: "*") }
        let text = UnsafeRawBufferPointer(rebasing: bytes[textStart..<textEnd])
        let decoded: [UInt8]
        switch encoding {
        case UInt8(ascii: "b"): decoded = Base64.decodeLenient(text)
        case UInt8(ascii: "q"): decoded = decodeQ(text)
        default: return nil
        }
        return (String(decoding: charset, as: UTF8.self), decoded, textEnd + 2)
    }

    private static func endOfText(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var position = start
        while position + 1 < bytes.count, position - start <= maximumText {
            if bytes[position] == UInt8(ascii: "?"), bytes[position + 1] == UInt8(ascii: "=") { return position }
            position += 1
        }
        return nil
    }

    /// RFC 2047 4.2.
    private static func decodeQ(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        var position = 0
        while position < text.count {
            let byte = text[position]
            if byte == UInt8(ascii: "="), position + 2 < text.count, let high = text[position + 1].hexDigitValue,
                let low = text[position + 2].hexDigitValue
            {
                output.append(high << 4 | low)
                position += 3
            } else {
                output.append(byte == UInt8(ascii: "_") ? .space : byte)
                position += 1
            }
        }
        return output
    }

    /// Puts plain text and words together; neighbouring words of one charset are decoded as one (a character may be cut
    /// between them), and white space between words is dropped (RFC 2047 6.2).
    private struct Assembly {
        private var output = ""
        private var charset: String?
        private var pending: [UInt8] = []
        private var isAfterWord = false

        mutating func plain(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
            guard !range.isEmpty else { return }
            // Between words it means nothing; behind the last one it is only trailing space.
            if isAfterWord, bytes[range].allSatisfy(\.isFoldingWhiteSpace) { return }
            flush()
            append(CharsetDecoder.string(UnsafeRawBufferPointer(rebasing: bytes[range]), charset: nil))
            isAfterWord = false
        }

        mutating func word(_ text: [UInt8], charset name: String) {
            if !ASCII.equalsIgnoringCase((charset ?? "").utf8, name.utf8) { flush() }
            charset = name
            pending.append(contentsOf: text)
            isAfterWord = true
        }

        private mutating func flush() {
            if !pending.isEmpty { append(CharsetDecoder.string(pending, charset: charset)) }
            pending.removeAll()
            charset = nil
        }

        private mutating func append(_ text: String) {
            guard output.utf8.count < MessageLimits.decodedHeaderCharacters * 4 else { return }
            if text.utf8.contains(where: \.isASCIIControl) {
                output.append(String(decoding: text.utf8.map { $0.isASCIIControl ? .space : $0 }, as: UTF8.self))
            } else {
                output.append(text)
            }
        }

        mutating func finish() -> String {
            flush()
            return output
        }
    }
}
