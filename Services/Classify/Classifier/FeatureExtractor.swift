package import MailCore
import MailRules
package import MessageGrammar

/// What the classifier is given of a mail.
package struct MailSample: Sendable {
    /// The mail from its first byte, or as much of it as is looked at.
    package var bytes: [UInt8]
    package var summary: MessageSummary
    package var origin: MailOrigin
    package var hasNullSender: Bool

    package init(bytes: [UInt8], summary: MessageSummary, origin: MailOrigin = .mx, hasNullSender: Bool = false) {
        self.bytes = bytes
        self.summary = summary
        self.origin = origin
        self.hasNullSender = hasNullSender
    }

    /// More of a mail than this is never looked at: the text of nearly every mail begins and ends within it, and a
    /// batch of 128 mails stays below 8 MiB, their summaries apart.
    package static let maximumBytes = 64 << 10
}

/// Turns mails into features, one after the other, in buffers that it keeps. One per scoring thread.
///
/// Only what the sender chose is looked at: fields written by relays and receivers (`Received`, `Return-Path`,
/// authentication results, other filters' verdicts), dates and identifiers tell where a mail was collected, not what
/// it is.
package final class FeatureExtractor {
    /// Bytes of canonical text: the beginning, and the end of what is longer.
    package struct Limits: Sendable {
        package var header = 4096
        package var head = 4096
        package var tail = 1024
        package init() {}

        /// What a bare client sends: little header, a few lines.
        package static var short: Limits {
            var limits = Limits()
            (limits.header, limits.head, limits.tail) = (0, 300, 0)
            return limits
        }
    }

    package var limits = Limits()

    var bags = FeatureView.allCases.map { FeatureBag(bits: $0.bits) }
    var content = VisibleContent()
    var text = CanonicalText()
    var words = WordList()
    /// Where each field's canonical text ends up in `text`.
    var sections: [(field: WordField, range: Range<Int>)] = []
    var headerBuffer: [UInt8] = []
    var parts = PartList()
    /// Slots of `MailTrait`.
    var traits: [UInt32] = []
    /// For the reason that names the first deceiving link: what it shows, where it leads.
    var mismatch: (shown: String, real: String)?
    /// The deterministic rules that it breaks.
    var rules: [MailRule] = []
    var isSubjectDisguised = false

    package init() {}

    /// Features of a mail; valid until the next call.
    package func read(_ sample: MailSample) {
        for index in bags.indices { bags[index].removeAll() }
        content.removeAll()
        text.removeAll()
        sections.removeAll(keepingCapacity: true)
        mismatch = nil
        let header = HeaderFields(Array(sample.bytes.prefix(min(sample.summary.headerLength, MailSample.maximumBytes))))
        parts.read(sample, into: &content)
        readHeader(header)
        readText(header, sample)
        readWords()
        readStructure(header, sample)
        readTraits(header, sample)
        rules = MailRules.check(sample.summary, beginning: sample.bytes)
    }

    /// The first link that shows another site than it leads to, of the mail read last.
    package var linkMismatch: (shown: String, real: String)? { mismatch }

    /// Text as the views see it.
    package static func canonical(bytes: [UInt8]) -> [UInt8] {
        var text = CanonicalText()
        text.append(bytes, 0..<bytes.count, limit: 4096)
        return text.bytes
    }

    package static func canonical(_ text: String) -> String {
        String(decoding: canonical(bytes: Array(text.utf8)), as: UTF8.self)
    }

    package func featureSet() -> FeatureSet { FeatureSet(views: bags.map(\.ids), traits: traits) }

    package func featureSet(of sample: MailSample) -> FeatureSet {
        read(sample)
        return featureSet()
    }
}

// MARK: - Header 4-grams

extension FeatureExtractor {
    private static let headerFields: [StaticString] = [
        "from", "subject", "reply-to", "sender", "x-mailer", "user-agent", "content-type", "content-transfer-encoding",
        "x-priority", "importance", "organization",
    ]

    func readHeader(_ header: HeaderFields) {
        headerBuffer.removeAll(keepingCapacity: true)
        for name in Self.headerFields {
            guard let field = header.first(name), headerBuffer.count < limits.header else { continue }
            name.withUTF8Buffer { headerBuffer.append(contentsOf: $0) }
            headerBuffer.append(UInt8(ascii: ":"))
            appendShaped(header.bytes, field.body)
            headerBuffer.append(UInt8(ascii: "\n"))
        }
        readGrams(headerBuffer, 0..<min(headerBuffer.count, limits.header), into: .header)
    }

    /// Field bodies as they are (upper and lower case, encoded words), but digits as `0`, folds as one space, and no
    /// run longer than 40: boundaries and codes differ from mail to mail.
    private func appendShaped(_ bytes: [UInt8], _ range: Range<Int>) {
        var run = 0
        for index in range.prefix(1000) {
            var byte = bytes[index]
            if byte <= 0x20 {
                run = 0
                if headerBuffer.last == 0x20 || headerBuffer.last == UInt8(ascii: ":") { continue }
                byte = 0x20
            } else {
                run += 1
                if run > 40 { continue }
                if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { byte = UInt8(ascii: "0") }
            }
            headerBuffer.append(byte)
        }
    }

    func readGrams(_ source: [UInt8], _ range: Range<Int>, into view: FeatureView) {
        bags[view.rawValue].addGrams(source, range)
    }
}

// MARK: - Canonical text

extension FeatureExtractor {
    func readText(_ header: HeaderFields, _ sample: MailSample) {
        section(.subject) {
            text.append($0, 0..<$0.count, limit: 400)
        } source: {
            Array((header.firstText("subject") ?? "").utf8)
        }
        isSubjectDisguised = text.disguise.total > 0
        section(.sender) {
            text.append($0, 0..<$0.count, limit: 200)
        } source: {
            Array((header.firstText("from") ?? "").utf8)
        }
        let visible = content.bytes
        section(.body) {
            text.append($0, 0..<$0.count, limit: limits.head)
        } source: {
            visible
        }
        if visible.count > limits.head + limits.tail {
            section(.body) {
                text.append($0, ($0.count - limits.tail)..<$0.count, limit: limits.tail)
            } source: {
                visible
            }
        }
        for section in sections where section.field != .sender { readGrams(text.bytes, section.range, into: .text) }
    }

    private func section(_ field: WordField, append: ([UInt8]) -> Void, source: () -> [UInt8]) {
        text.appendSeparator()
        let start = text.bytes.count
        append(source())
        if text.bytes.count > start { sections.append((field, start..<text.bytes.count)) }
    }

    func readWords() {
        words.removeAll()
        for section in sections { words.append(text.bytes, section.range, section.field) }
        words.appendHosts(content)
        bags[FeatureView.words.rawValue].add(words)
    }
}
