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
        raw.append(contentsOf: bytes.prefix(limit - raw.count))
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
        var output = String.UnicodeScalarView()
        var count = 0
        var needsSpace = false
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0...0x20, 0x7F...0xA0, 0x2028, 0x2029, 0x3000: needsSpace = count > 0
            case 0xAD, 0x34F, 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x2064, 0xFEFF: continue
            default:
                if needsSpace {
                    output.append(" ")
                    count += 1
                    needsSpace = false
                }
                guard count < maximum else { return String(output) }
                output.append(scalar)
                count += 1
            }
        }
        // The last character may have been cut by the capture limit.
        if output.last == "\u{FFFD}" { output.removeLast() }
        return String(output)
    }
}
