import MailWire
import MessageGrammar

/// The leaves of a mail's MIME tree, and the visible text of those that are text.
struct PartList {
    struct Leaf {
        var type: String
        var subtype: String
        /// Lower case, as sent; empty without one.
        var fileName: String
        var isAttachment: Bool
    }

    static let maximumLeaves = 100
    private static let maximumOtherwise = 256 * 1024
    private(set) var leaves: [Leaf] = []
    private(set) var hasPlain = false
    private(set) var hasHTML = false
    private(set) var hasEnclosed = false
    private(set) var isMixed = false
    /// A text part is base64-encoded.
    private(set) var hasBase64Text = false

    private var decoded: [UInt8] = []

    mutating func read(_ sample: MailSample, into content: inout VisibleContent) {
        leaves.removeAll(keepingCapacity: true)
        (hasPlain, hasHTML, hasEnclosed, isMixed, hasBase64Text) = (false, false, false, false, false)
        // HTML hides what its plain twin shows: of alternatives both are read, HTML first.
        var texts: [BodyPart] = []
        var open = [sample.summary.structure]
        while let part = open.popLast(), leaves.count < Self.maximumLeaves {
            if part.mediaType.isMultipart { isMixed = isMixed || part.subtype == "mixed" }
            if let enclosed = part.enclosed {
                hasEnclosed = true
                open.append(enclosed.structure)
                continue
            }
            if !part.children.isEmpty {
                open.append(contentsOf: part.children.reversed())
                continue
            }
            let isText = note(part)
            if isText, texts.count < 8 { texts.append(part) }
        }
        for part in texts where part.subtype == "html" { readText(part, sample.bytes, into: &content) }
        for part in texts where part.subtype != "html" && (!hasHTML || content.bytes.count < 80) {
            readText(part, sample.bytes, into: &content)
        }
        if sample.summary.flags.contains(.ambiguous) { readOtherwise(sample, into: &content) }
    }

    /// What a program shows that reads the header in another way: what no part declared as encoded, or all, when this
    /// reading found nothing.
    private func readOtherwise(_ sample: MailSample, into content: inout VisibleContent) {
        let start = min(max(0, sample.summary.structure.bodyOffset), sample.bytes.count)
        let body = sample.bytes[start...].prefix(Self.maximumOtherwise)
        if content.bytes.count < 80 {
            content.append(plain: CharsetDecoder.string(OtherReadings.all(of: body), charset: nil))
        } else if !hasBase64Text {
            content.append(plain: CharsetDecoder.string(OtherReadings.encoded(in: body), charset: nil))
        }
    }

    /// Whether it is text to be read.
    private mutating func note(_ part: BodyPart) -> Bool {
        let name = part.disposition?.parameters.text("filename") ?? part.parameters.text("name") ?? ""
        let isAttachment = part.disposition?.type == "attachment" || (!name.isEmpty && !part.mediaType.isText)
        leaves.append(
            Leaf(
                type: part.type, subtype: part.subtype, fileName: name.lowercased(), isAttachment: isAttachment))
        guard part.mediaType.isText, !isAttachment, part.subtype != "calendar" else { return false }
        if part.subtype == "html" { hasHTML = true } else { hasPlain = true }
        hasBase64Text = hasBase64Text || ASCII.equalsIgnoringCase(part.encoding.utf8, "base64".utf8)
        return true
    }

    private mutating func readText(_ part: BodyPart, _ bytes: [UInt8], into content: inout VisibleContent) {
        let start = min(max(0, part.bodyOffset), bytes.count)
        let length = min(max(0, part.bodyLength), bytes.count - start)
        guard length > 0 else { return }
        var decoder = TransferDecoder(part.encoding)
        decoded.removeAll(keepingCapacity: true)
        bytes.withUnsafeBytes { buffer in
            decoder.feed(UnsafeRawBufferPointer(rebasing: buffer[start..<start + length]), into: &decoded)
        }
        decoder.finish(into: &decoded)
        let text = CharsetDecoder.string(decoded, charset: part.parameters.text("charset"))
        if part.subtype == "html" { content.append(html: text) } else { content.append(plain: text) }
    }
}
