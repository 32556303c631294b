import IMAPGrammar
import Storage

/// What a FETCH needs, decided once: flags and UIDs come from the session's version without asking the database, and no
/// column is read that no item uses.
struct FetchPlan {
    let items: [FetchItem]
    let columns: MessageStore.Columns
    /// Everything is in the session's version of the mailbox.
    let isViewOnly: Bool
    let setsSeen: Bool
    let hasFlags: Bool
    let hasOctets: Bool

    init(_ items: [FetchItem], uid: Bool) {
        // RFC 3501 6.4.8: the answer to UID FETCH always says the UID.
        let items = uid && !items.contains(.uid) ? [.uid] + items : items
        self.items = items
        isViewOnly = items.allSatisfy { $0 == .uid || $0 == .flags }
        setsSeen = items.contains(where: \.setsSeen)
        hasFlags = items.contains(.flags)
        hasOctets = items.contains { $0.octets != nil }
        var columns: MessageStore.Columns = []
        if hasOctets { columns.insert(.place) }
        if items.contains(where: \.needsSummary) { columns.insert(.summary) }
        self.columns = columns
    }

    /// Messages per query.
    var batchSize: Int { columns.isEmpty ? 1000 : 256 }

    /// A few messages with their bodies come in one query.
    func columns(forBatchOf count: Int) -> MessageStore.Columns {
        hasOctets && count <= MessageStore.wholeBodies && items.contains(where: \.wantsMost)
            ? columns.union(.wholeBody) : columns
    }
}

extension FetchItem {
    fileprivate var needsSummary: Bool {
        switch self {
        case .envelope, .body, .bodyStructure: return true
        case .flags, .internalDate, .rfc822Size, .uid, .modSeq: return false
        case .section, .rfc822, .rfc822Header, .rfc822Text:
            guard let section = octets?.section else { return false }
            return !section.part.isEmpty || section.text != .full
        }
    }

    /// Most of a body is read anyway, so it may as well come along.
    fileprivate var wantsMost: Bool {
        guard let octets else { return false }
        switch octets.section.text {
        case .full, .text: return octets.partial == nil
        case .header, .mime, .headerFields: return false
        }
    }
}
