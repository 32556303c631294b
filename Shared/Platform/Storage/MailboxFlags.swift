/// The flags of a mailbox entry as stored in `mailbox_message.flags`: five system flags (RFC 3501 2.3.2) in bits 0-4,
/// keyword i of `mailbox.keywords` in bit 8 + i. `\Recent` is a property of a session and is not stored.
package struct MailboxFlags: OptionSet, Hashable, Sendable {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }

    package static let seen = MailboxFlags(rawValue: 1 << 0)
    package static let answered = MailboxFlags(rawValue: 1 << 1)
    package static let flagged = MailboxFlags(rawValue: 1 << 2)
    package static let deleted = MailboxFlags(rawValue: 1 << 3)
    package static let draft = MailboxFlags(rawValue: 1 << 4)

    /// All bits that are not keywords.
    package static let system: MailboxFlags = [.seen, .answered, .flagged, .deleted, .draft]

    /// Bits 8...62: one short of the sign, so that a stored value is never negative.
    package static let maximumKeywords = 55
    private static let firstKeywordBit: Int64 = 8

    /// The flag of keyword `index`; empty beyond the limit.
    package static func keyword(_ index: Int) -> MailboxFlags {
        guard (0..<maximumKeywords).contains(index) else { return [] }
        return MailboxFlags(rawValue: 1 << (firstKeywordBit + Int64(index)))
    }

    package var hasKeywords: Bool { rawValue >> Self.firstKeywordBit != 0 }
}

/// The keyword names of one mailbox, in the order of their bits. They are only ever added, so a bit keeps its meaning.
package struct MailboxKeywords: Hashable, Sendable {
    package private(set) var names: [String]

    package init(_ names: [String] = []) { self.names = names }

    package var hasRoom: Bool { names.count < MailboxFlags.maximumKeywords }

    /// Keywords are compared without regard to ASCII case (RFC 3501 9: atoms used as flags).
    package func flag(named name: String) -> MailboxFlags? {
        guard let index = names.firstIndex(where: { equalIgnoringASCIICase($0, name) }) else { return nil }
        return .keyword(index)
    }

    /// Adds what is missing while there is room; true if something was added.
    package mutating func add(_ wanted: [String]) -> Bool {
        let before = names.count
        for name in wanted where hasRoom && flag(named: name) == nil { names.append(name) }
        return names.count != before
    }

    /// The names of the keywords set in `flags`.
    package func names(in flags: MailboxFlags) -> [String] {
        guard flags.hasKeywords else { return [] }
        return names.indices.filter { !flags.isDisjoint(with: .keyword($0)) }.map { names[$0] }
    }

    /// The bits of `names` that exist here.
    package func flags(named wanted: [String]) -> MailboxFlags {
        wanted.reduce(into: []) { flags, name in if let flag = flag(named: name) { flags.formUnion(flag) } }
    }
}

/// Flags by name, before they meet a mailbox's keyword table.
package struct NamedFlags: Hashable, Sendable {
    package var system: MailboxFlags
    package var keywords: [String]

    package init(system: MailboxFlags = [], keywords: [String] = []) {
        self.system = system
        self.keywords = keywords
    }
}

private func equalIgnoringASCIICase(_ left: String, _ right: String) -> Bool {
    let left = left.utf8
    let right = right.utf8
    guard left.count == right.count else { return false }
    return zip(left, right).allSatisfy { $0 == $1 || (lowered($0) == lowered($1)) }
}

private func lowered(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
