/// A message flag (RFC 3501 2.3.2). System flags are recognised without case; a keyword keeps its spelling and
/// compares without case.
package enum IMAPFlag: Sendable, Hashable {
    case seen, answered, flagged, deleted, draft
    /// Given out, never accepted from a client (RFC 3501 9 `flag`: `\Recent` only in `flag-fetch`); SEARCH uses it.
    case recent
    case keyword(String)

    /// Nil for an unknown flag with a backslash: RFC 3501 reserves those.
    package init?(name: String) {
        guard name.utf8.first == UInt8(ascii: "\\") else {
            self = .keyword(name)
            return
        }
        switch name.lowercased() {
        case "\\seen": self = .seen
        case "\\answered": self = .answered
        case "\\flagged": self = .flagged
        case "\\deleted": self = .deleted
        case "\\draft": self = .draft
        case "\\recent": self = .recent
        default: return nil
        }
    }

    package var name: String {
        switch self {
        case .seen: "\\Seen"
        case .answered: "\\Answered"
        case .flagged: "\\Flagged"
        case .deleted: "\\Deleted"
        case .draft: "\\Draft"
        case .recent: "\\Recent"
        case .keyword(let keyword): keyword
        }
    }

    /// The bit of a stored message's flags, least significant first; nil for keywords (bit 8 + index in the mailbox's
    /// list) and for `\Recent`, which is not stored.
    package var bit: Int64? {
        switch self {
        case .seen: 1
        case .answered: 2
        case .flagged: 4
        case .deleted: 8
        case .draft: 16
        case .recent, .keyword: nil
        }
    }

    /// The system flags in the order of their bits.
    package static let system: [IMAPFlag] = [.seen, .answered, .flagged, .deleted, .draft]

    package static func == (left: IMAPFlag, right: IMAPFlag) -> Bool { left.folded == right.folded }

    package func hash(into hasher: inout Hasher) { hasher.combine(folded) }

    /// ASCII only on the wire (`atom`), so lowercasing is simple.
    private var folded: String { name.lowercased() }
}

extension IMAPCursor {
    /// `flag` = `\` atom / atom
    mutating func flag() throws(IMAPSyntaxError) -> IMAPFlag {
        let start = position
        let isSystem = skip("\\")
        let name = try atom()
        guard name.count <= IMAPLimits.keyword else { throw IMAPSyntaxError("Keyword too long") }
        guard let flag = IMAPFlag(name: String(decoding: isSystem ? bytes[start..<position] : name, as: UTF8.self))
        else { throw IMAPSyntaxError("Unknown system flag") }
        return flag
    }

    /// `flag-list`, each flag once. RFC 3501 2.3.2: a client cannot alter \Recent; in APPEND, where clients copy what
    /// another server gave them, it is dropped.
    mutating func flagList(dropsRecent: Bool = false) throws(IMAPSyntaxError) -> [IMAPFlag] {
        var flags: [IMAPFlag] = []
        var recent = false
        try list(maximum: IMAPLimits.flags, mayBeEmpty: true) { cursor throws(IMAPSyntaxError) in
            let flag = try cursor.flag()
            if flag == .recent {
                recent = true
            } else if !flags.contains(flag) {
                flags.append(flag)
            }
        }
        guard !recent || dropsRecent else { throw IMAPSyntaxError("\\Recent cannot be changed") }
        return flags
    }
}
