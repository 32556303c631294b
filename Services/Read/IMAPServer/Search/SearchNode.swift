import IMAPGrammar
import MailCore
import Storage

/// A SEARCH made ready for one version of one mailbox: sets are resolved, flags are bits, needles are folded.
indirect enum SearchNode: Sendable {
    enum Day: Sendable { case before(IMAPDate), on(IMAPDate), since(IMAPDate) }

    case constant(Bool)
    case flag(MailboxFlags)
    case recent
    case numbers(NumberSet)
    case uids(NumberSet)
    case larger(Int), smaller(Int)
    case internalDay(Day)
    /// Internal date at or after, before.
    case after(Timestamp), until(Timestamp)
    case sentDay(Day)
    case envelope(EnvelopeField, FoldedNeedle)
    case header([UInt8], FoldedNeedle)
    /// BODY, and with the header TEXT; the number tells the searches of one command apart.
    case content(FoldedNeedle, withHeader: Bool, number: Int)
    case not(SearchNode)
    case or(SearchNode, SearchNode)
    case and([SearchNode])

    /// Header fields that the stored summary answers.
    enum EnvelopeField: String, Sendable {
        case from = "FROM", to = "TO", cc = "CC", bcc = "BCC", subject = "SUBJECT", messageID = "MESSAGE-ID"
        case inReplyTo = "IN-REPLY-TO"
    }

    /// What has to be known of a message, cheapest first.
    enum Level: Int, Comparable, Sendable {
        /// The session's version of the mailbox.
        case view
        /// Size and internal date.
        case row
        case summary, header, content

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// The dearest thing the tree may ask for.
    var level: Level {
        switch self {
        case .constant, .flag, .recent, .numbers, .uids: .view
        case .larger, .smaller, .internalDay, .after, .until: .row
        case .sentDay, .envelope: .summary
        case .header: .header
        case .content: .content
        case .not(let node): node.level
        case .or(let left, let right): max(left.level, right.level)
        case .and(let nodes): nodes.map(\.level).max() ?? .view
        }
    }

    /// The BODY and TEXT searches in the tree.
    var contents: [(needle: FoldedNeedle, withHeader: Bool, number: Int)] {
        switch self {
        case .content(let needle, let withHeader, let number): [(needle, withHeader, number)]
        case .not(let node): node.contents
        case .or(let left, let right): left.contents + right.contents
        case .and(let nodes): nodes.flatMap(\.contents)
        default: []
        }
    }
}

/// Turns a command's keys into nodes.
struct SearchCompiler {
    let view: MailboxView
    let now: Timestamp
    private var contents = 0

    init(view: MailboxView, now: Timestamp) {
        self.view = view
        self.now = now
    }

    /// The depth of `key` is bounded by `IMAPLimits.searchDepth`. Nil: a key that is not offered.
    mutating func compile(_ key: SearchKey) -> SearchNode? {
        switch key {
        case .all: return .constant(true)
        case .flag(let flag): return self.flag(flag)
        case .noFlag(let flag): return .not(self.flag(flag))
        case .new: return .and([.recent, .not(.flag(.seen))])
        case .header(let field, let text): return header(field, text)
        case .body(let text): return content(text, withHeader: false)
        case .text(let text): return content(text, withHeader: true)
        case .before(let day): return .internalDay(.before(day))
        case .on(let day): return .internalDay(.on(day))
        case .since(let day): return .internalDay(.since(day))
        case .sentBefore(let day): return .sentDay(.before(day))
        case .sentOn(let day): return .sentDay(.on(day))
        case .sentSince(let day): return .sentDay(.since(day))
        case .larger(let size): return .larger(Int(size))
        case .smaller(let size): return .smaller(Int(size))
        case .older(let seconds): return .until(moment(seconds))
        case .younger(let seconds): return .after(moment(seconds))
        case .sequence(let set): return .numbers(set.resolved(largest: UInt32(clamping: view.count)))
        case .uid(let set): return .uids(set.resolved(largest: view.uids.last ?? 0))
        case .modSeq: return nil
        case .not(let key): return compile(key).map(SearchNode.not)
        case .or(let left, let right):
            guard let left = compile(left), let right = compile(right) else { return nil }
            return .or(left, right)
        case .and(let keys):
            var nodes: [SearchNode] = []
            for key in keys {
                guard let node = compile(key) else { return nil }
                nodes.append(node)
            }
            // The cheap ones first: they decide most messages.
            return .and(nodes.sorted { $0.level < $1.level })
        }
    }

    private func flag(_ flag: IMAPFlag) -> SearchNode {
        if flag == .recent { return .recent }
        if let bit = flag.bit { return .flag(MailboxFlags(rawValue: bit)) }
        return view.keywords.flag(named: flag.name).map(SearchNode.flag) ?? .constant(false)
    }

    private func header(_ field: String, _ text: String) -> SearchNode {
        let needle = FoldedNeedle(text)
        if !needle.isEmpty, let known = SearchNode.EnvelopeField(rawValue: field) { return .envelope(known, needle) }
        return .header(Array(field.utf8), needle)
    }

    private mutating func content(_ text: String, withHeader: Bool) -> SearchNode {
        let needle = FoldedNeedle(text)
        // RFC 3501 6.4.4: an empty string is in every message.
        if needle.isEmpty { return .constant(true) }
        contents += 1
        return .content(needle, withHeader: withHeader, number: contents)
    }

    private func moment(_ seconds: UInt32) -> Timestamp {
        Timestamp(microseconds: now.microseconds - Int64(seconds) * 1_000_000)
    }
}
