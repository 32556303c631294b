import MailWire

/// Keeps the beginning of the first text part that has text, and makes the preview of it.
struct PreviewCapture {
    private(set) var text = ""
    private(set) var isCapturing = false
    private var raw: [UInt8] = []
    private var limit = 0
    private var isHTML = false
    private var encoding = ""
    private var charset: String?

    mutating func begin(_ part: BodyPart) {
        guard text.isEmpty, part.mediaType.isText, part.disposition?.type != "attachment" else { return }
        isHTML = part.subtype == "html"
        guard isHTML || part.subtype == "plain" || part.subtype == "enriched" else { return }
        limit = isHTML ? MessageLimits.previewHTMLBytes : MessageLimits.previewPlainBytes
        encoding = part.encoding
        charset = part.parameters.text("charset")
        isCapturing = true
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        let count = min(bytes.count, limit - raw.count)
        raw.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        if raw.count >= limit { isCapturing = false }
    }

    mutating func stop() { isCapturing = false }

    /// The part is over.
    mutating func end() {
        isCapturing = false
        guard !raw.isEmpty else { return }
        var decoded = raw.withUnsafeBytes { TransferDecoder.decode($0, encoding: encoding) }
        if raw.count >= limit { Self.dropCutCharacter(&decoded) }
        var readable = CharsetDecoder.string(decoded, charset: charset)
        if isHTML { readable = VisibleText.text(ofHTML: readable, maximum: MessageLimits.previewCharacters * 4) }
        text = Preview.collapse(readable, maximum: MessageLimits.previewCharacters)
        raw.removeAll()
    }

    /// The limit may fall within a character, and then valid UTF-8 would not look like it.
    private static func dropCutCharacter(_ bytes: inout [UInt8]) {
        var dropped = 0
        while dropped < 4, let last = bytes.last, last >= 0x80 {
            bytes.removeLast()
            dropped += 1
            if last >= 0xC0 { return }
        }
    }
}

/// One line of text to show in a list of mails.
enum Preview {
    /// White space and controls become one space, invisible characters go, and it ends after `maximum` scalars.
    static func collapse(_ text: String, maximum: Int) -> String {
        var source = text
        var output: [UInt8] = []
        output.reserveCapacity(maximum + 16)
        source.withUTF8 { bytes in
            var count = 0
            var position = 0
            var needsSpace = false
            while position < bytes.count, count < maximum {
                let length = min(scalarLength(bytes[position]), bytes.count - position)
                let scalar = bytes[position..<(position + length)]
                position += length
                switch meaning(of: scalar) {
                case .space: needsSpace = count > 0
                case .nothing: continue
                case .text:
                    if needsSpace {
                        output.append(.space)
                        count += 1
                        needsSpace = false
                        guard count < maximum else { return }
                    }
                    for byte in scalar { output.append(byte) }
                    count += 1
                }
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private enum Meaning { case space, nothing, text }

    /// A String's UTF-8 is valid, so the first byte tells.
    private static func scalarLength(_ first: UInt8) -> Int {
        first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    }

    private static func meaning(of scalar: Slice<UnsafeBufferPointer<UInt8>>) -> Meaning {
        let start = scalar.startIndex
        if scalar.count == 1 { return scalar[start] <= 0x20 || scalar[start] == 0x7F ? .space : .text }
        switch (scalar.count, scalar[start], scalar[start + 1]) {
        case (2, 0xC2, 0x80...0xA0): return .space
        // Soft hyphen, combining grapheme joiner.
        case (2, 0xC2, 0xAD), (2, 0xCD, 0x8F): return .nothing
        case (3, 0xE2, 0x80):
            switch scalar[start + 2] {
            // Zero width and direction marks, U+200B...U+200F and U+202A...U+202E.
            case 0x8B...0x8F, 0xAA...0xAE: return .nothing
            // Wide and narrow spaces, line and paragraph separator.
            case 0x80...0x8A, 0xA8, 0xA9, 0xAF: return .space
            default: return .text
            }
        // U+2060...U+2064.
        case (3, 0xE2, 0x81): return (0xA0...0xA4).contains(scalar[start + 2]) ? .nothing : .text
        // U+3000, U+FEFF.
        case (3, 0xE3, 0x80): return scalar[start + 2] == 0x80 ? .space : .text
        case (3, 0xEF, 0xBB): return scalar[start + 2] == 0xBF ? .nothing : .text
        default: return .text
        }
    }
}
