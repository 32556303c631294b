/// LIST with the selection and return options of RFC 5258, 5819 and 6154.
package struct IMAPList: Sendable, Equatable {
    package var reference: [UInt8]
    /// As the client wrote them, joined with the reference (RFC 3501 6.3.8). An empty one asks for the delimiter.
    package var patterns: [ListPattern]
    package var selection: Set<Selection>
    package var returns: Set<Return>
    /// RFC 5819: `RETURN (STATUS (...))`.
    package var statusItems: [StatusItem]
    /// The client used the extended syntax: answers may carry extended data.
    package var isExtended: Bool

    package init(
        reference: [UInt8] = [], patterns: [ListPattern], selection: Set<Selection> = [], returns: Set<Return> = [],
        statusItems: [StatusItem] = [], isExtended: Bool = false
    ) {
        self.reference = reference
        self.patterns = patterns
        self.selection = selection
        self.returns = returns
        self.statusItems = statusItems
        self.isExtended = isExtended
    }

    package enum Selection: Sendable, Equatable { case subscribed, remote, recursiveMatch, specialUse }
    package enum Return: Sendable, Equatable { case subscribed, children, specialUse }
}

/// STATUS items (RFC 3501 6.3.10, RFC 7162 HIGHESTMODSEQ, RFC 8438 SIZE, RFC 9051 DELETED).
package enum StatusItem: String, Sendable, Equatable, CaseIterable {
    case messages = "MESSAGES"
    case recent = "RECENT"
    case uidNext = "UIDNEXT"
    case uidValidity = "UIDVALIDITY"
    case unseen = "UNSEEN"
    case highestModSeq = "HIGHESTMODSEQ"
    case size = "SIZE"
    case deleted = "DELETED"
}

/// Special uses of a mailbox (RFC 6154 2); the raw value is what the schema stores.
package enum SpecialUse: String, Sendable, Equatable, CaseIterable {
    case all = "\\All"
    case archive = "\\Archive"
    case drafts = "\\Drafts"
    case flagged = "\\Flagged"
    case junk = "\\Junk"
    case sent = "\\Sent"
    case trash = "\\Trash"
}

/// Attributes of a mailbox in a LIST or LSUB answer (RFC 3501 7.2.2, RFC 5258 3, RFC 6154).
package enum MailboxAttribute: Sendable, Equatable, Hashable {
    case noInferiors, noSelect, marked, unmarked, hasChildren, hasNoChildren, nonExistent, subscribed
    case specialUse(SpecialUse)

    package var name: String {
        switch self {
        case .noInferiors: "\\Noinferiors"
        case .noSelect: "\\Noselect"
        case .marked: "\\Marked"
        case .unmarked: "\\Unmarked"
        case .hasChildren: "\\HasChildren"
        case .hasNoChildren: "\\HasNoChildren"
        case .nonExistent: "\\NonExistent"
        case .subscribed: "\\Subscribed"
        case .specialUse(let use): use.rawValue
        }
    }
}
