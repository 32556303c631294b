import IMAPGrammar
import MailCore
import MessageGrammar
import Storage

/// One message on its way through a search, with what is known of it so far.
struct SearchCandidate {
    let position: Int
    let uid: UInt32
    let flags: MailboxFlags
    let isRecent: Bool
    var row: MessageStore.Row?
    var summary: MessageSummary?
    /// Prefix and header.
    var header: HeaderFields?
    /// By the number of the search.
    var contents: [Int: Bool] = [:]

    /// The summary, decoded now if it was not.
    private func decoded() -> MessageSummary? {
        summary ?? row.map { (try? MessageSummary(decoding: $0.summary)) ?? MessageSummary() }
    }

    private func holds(_ field: SearchNode.EnvelopeField, _ needle: FoldedNeedle) -> Bool? {
        guard let row else { return nil }
        // Most fields are plain text and need not be decoded.
        var text: [UInt8] = []
        let isPlain = row.summary.withUnsafeBytes { summary in
            (try? EnvelopeReading.appendPlain(field.inSummary, of: summary, to: &text)) ?? false
        }
        if isPlain { return needle.isIn(folded: FoldedNeedle.fold(text)) }
        return decoded().map { needle.isIn($0.envelope.text(of: field)) }
    }

    /// Whether the message matches; `nil` while more must be known.
    func value(_ node: SearchNode) -> Bool? {
        switch node {
        case .constant(let value): return value
        case .flag(let flag): return flags.contains(flag)
        case .recent: return isRecent
        case .numbers(let set): return set.contains(UInt32(clamping: position + 1))
        case .uids(let set): return set.contains(uid)
        case .larger(let size): return row.map { $0.size > size }
        case .smaller(let size): return row.map { $0.size < size }
        case .internalDay(let day): return row.map { day.holds(IMAPDate($0.internalDate)) }
        case .after(let moment): return row.map { $0.internalDate >= moment }
        case .until(let moment): return row.map { $0.internalDate <= moment }
        case .sentDay(let day):
            return decoded().map { summary in
                summary.sentDate.map { day.holds(IMAPDate($0, offset: summary.sentZoneMinutes * 60)) } ?? false
            }
        case .envelope(let field, let needle): return holds(field, needle)
        case .header(let name, let needle):
            return header.map { header in
                header.all(named: name).contains { needle.isEmpty || needle.isIn(header.text($0)) }
            }
        case .content(_, _, let number): return contents[number]
        case .not(let node): return value(node).map { !$0 }
        case .or(let left, let right):
            let first = value(left)
            if first == true { return true }
            let second = value(right)
            if second == true { return true }
            return first == nil || second == nil ? nil : false
        case .and(let nodes):
            var isOpen = false
            for node in nodes {
                guard let value = value(node) else {
                    isOpen = true
                    continue
                }
                if !value { return false }
            }
            return isOpen ? nil : true
        }
    }
}

extension SearchNode.Day {
    fileprivate func holds(_ day: IMAPDate) -> Bool {
        switch self {
        case .before(let limit): day < limit
        case .on(let limit): day == limit
        case .since(let limit): day >= limit
        }
    }
}

extension SearchNode.EnvelopeField {
    fileprivate var inSummary: EnvelopeReading.Field {
        switch self {
        case .from: .from
        case .to: .to
        case .cc: .cc
        case .bcc: .bcc
        case .subject: .subject
        case .messageID: .messageID
        case .inReplyTo: .inReplyTo
        }
    }
}

extension Envelope {
    fileprivate func text(of field: SearchNode.EnvelopeField) -> String {
        switch field {
        case .from: Self.text(from)
        case .to: Self.text(to)
        case .cc: Self.text(cc)
        case .bcc: Self.text(bcc)
        case .subject: EncodedWord.decode(subject ?? [])
        case .messageID: String(decoding: messageID ?? [], as: UTF8.self)
        case .inReplyTo: String(decoding: inReplyTo ?? [], as: UTF8.self)
        }
    }

    /// As a person would write them, so that a search for `name <a@b` finds them too.
    private static func text(_ addresses: [MailAddress]) -> String {
        var text = ""
        for address in addresses {
            if !text.isEmpty { text += ", " }
            if let name = address.name { text += EncodedWord.decode(name) + " " }
            if let plain = address.text {
                text += "<" + plain + ">"
            } else if let mailbox = address.mailbox {
                text += EncodedWord.decode(mailbox)
            }
        }
        return text
    }
}
