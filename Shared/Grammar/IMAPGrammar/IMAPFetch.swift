/// FETCH (RFC 3501 6.4.5) with the modifiers of RFC 7162 3.1.4.1 and 3.2.6. Macros are already expanded.
package struct IMAPFetch: Sendable, Equatable {
    package var set: SequenceSet
    package var items: [FetchItem]
    package var changedSince: UInt64?
    package var vanished: Bool

    package init(set: SequenceSet, items: [FetchItem], changedSince: UInt64? = nil, vanished: Bool = false) {
        self.set = set
        self.items = items
        self.changedSince = changedSince
        self.vanished = vanished
    }
}

/// One thing to fetch of each message.
package enum FetchItem: Sendable, Equatable {
    case flags, internalDate, rfc822Size, envelope, uid
    case modSeq  // RFC 7162
    case body  // BODY: structure without extension data
    case bodyStructure
    case section(FetchSection, peek: Bool, partial: FetchPartial?)
    case rfc822, rfc822Header, rfc822Text  // the old names of BODY[], BODY.PEEK[HEADER], BODY[TEXT]

    /// The bytes that an item asks for, whatever its name; nil for an item that is not bytes of the message.
    package var octets: (section: FetchSection, partial: FetchPartial?)? {
        switch self {
        case .section(let section, _, let partial): (section, partial)
        case .rfc822: (FetchSection(), nil)
        case .rfc822Header: (FetchSection(text: .header), nil)
        case .rfc822Text: (FetchSection(text: .text), nil)
        case .flags, .internalDate, .rfc822Size, .envelope, .uid, .modSeq, .body, .bodyStructure: nil
        }
    }

    /// RFC 3501 6.4.5: the \Seen flag is set by this item.
    package var setsSeen: Bool {
        switch self {
        case .section(_, let peek, _): !peek
        case .rfc822, .rfc822Text: true
        case .rfc822Header, .flags, .internalDate, .rfc822Size, .envelope, .uid, .modSeq, .body, .bodyStructure: false
        }
    }
}

/// `[1.2.HEADER.FIELDS (from to)]` (RFC 3501 6.4.5).
package struct FetchSection: Sendable, Equatable {
    package enum Text: Sendable, Equatable {
        case full  // nothing after the numbers
        case header, text, mime
        /// Field names as sent (the answer repeats them); compare without case. `not` is HEADER.FIELDS.NOT.
        case headerFields([[UInt8]], not: Bool)
    }

    /// Part numbers, each at least 1; empty for the message itself.
    package var part: [UInt32]
    package var text: Text

    package init(part: [UInt32] = [], text: Text = .full) {
        self.part = part
        self.text = text
    }
}

/// `<offset.count>`: count is at least 1.
package struct FetchPartial: Sendable, Equatable {
    package var offset: UInt32
    package var count: UInt32

    package init(offset: UInt32, count: UInt32) {
        self.offset = offset
        self.count = count
    }

    /// The bytes of a section of `size` bytes that this partial names; empty beyond its end.
    package func range(ofSize size: Int) -> Range<Int> {
        let lower = min(Int(offset), max(size, 0))
        return lower..<min(lower + Int(count), max(size, 0))
    }
}
