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

extension IMAPCursor {
    /// RFC 5258 6: `["(" options ")" SP] reference SP (pattern / "(" patterns ")") [SP "RETURN" SP "(" options ")"]`
    mutating func list() throws(IMAPSyntaxError) -> IMAPList {
        var list = IMAPList(patterns: [])
        if peeks("(") {
            list.isExtended = true
            try self.list(maximum: 8, mayBeEmpty: true) { cursor throws(IMAPSyntaxError) in
                list.selection.insert(try cursor.selectionOption())
            }
            try space()
            // RFC 5258 3.1: RECURSIVEMATCH needs another option to match by.
            guard list.selection != [.recursiveMatch] else { throw IMAPSyntaxError("RECURSIVEMATCH alone") }
        }
        list.reference = try astring()
        try space()
        if peeks("(") {
            list.isExtended = true
            try self.list(maximum: IMAPLimits.listPatterns) { cursor throws(IMAPSyntaxError) in
                list.patterns.append(try cursor.listPattern())
            }
        } else {
            list.patterns = [try listPattern()]
        }
        guard skip(" ") else { return list }
        guard skip(word: "RETURN") else { throw IMAPSyntaxError("Expected RETURN") }
        list.isExtended = true
        try space()
        try self.list(maximum: 8, mayBeEmpty: true) { cursor throws(IMAPSyntaxError) in
            try cursor.returnOption(&list)
        }
        return list
    }

    private mutating func selectionOption() throws(IMAPSyntaxError) -> IMAPList.Selection {
        switch try word() {
        case "SUBSCRIBED": .subscribed
        case "REMOTE": .remote
        case "RECURSIVEMATCH": .recursiveMatch
        case "SPECIAL-USE": .specialUse
        default: throw IMAPSyntaxError("Unknown selection option")
        }
    }

    private mutating func returnOption(_ list: inout IMAPList) throws(IMAPSyntaxError) {
        switch try word() {
        case "SUBSCRIBED": list.returns.insert(.subscribed)
        case "CHILDREN": list.returns.insert(.children)
        case "SPECIAL-USE": list.returns.insert(.specialUse)
        case "STATUS":
            try space()
            list.statusItems = try statusItems()
        default: throw IMAPSyntaxError("Unknown return option")
        }
    }

    /// `list-mailbox` = 1*list-char / string
    mutating func listPattern() throws(IMAPSyntaxError) -> ListPattern {
        let pattern =
            peeks("\"") || peeks("{") ? try string() : Array(try run("a pattern", IMAPCharacter.isList))
        guard pattern.count <= IMAPLimits.listPattern else {
            throw IMAPSyntaxError("Pattern too long", status: .no, code: .limit)
        }
        return ListPattern(pattern)
    }

    /// `(MESSAGES UIDNEXT ...)`; an item named twice counts once.
    mutating func statusItems() throws(IMAPSyntaxError) -> [StatusItem] {
        var items: [StatusItem] = []
        try list(maximum: 32) { cursor throws(IMAPSyntaxError) in
            guard let item = StatusItem(rawValue: try cursor.word()) else {
                throw IMAPSyntaxError("Unknown status item")
            }
            if !items.contains(item) { items.append(item) }
        }
        return items
    }

    /// `mailbox [SP "(" "USE" SP "(" uses ")" ")"]` (RFC 6154 6)
    mutating func create() throws(IMAPSyntaxError) -> IMAPCommand {
        let name = try mailboxToCreate()
        var uses: [SpecialUse] = []
        if skip(" ") {
            try expect("(")
            guard skip(word: "USE") else { throw IMAPSyntaxError("Unknown parameter") }
            try space()
            try list(maximum: 8, mayBeEmpty: true) { cursor throws(IMAPSyntaxError) in
                try cursor.expect("\\")
                let word = try cursor.word()
                guard let use = SpecialUse.allCases.first(where: { $0.rawValue.dropFirst().uppercased() == word })
                else { throw IMAPSyntaxError("Unknown special use", status: .no, code: .useAttribute) }
                if !uses.contains(use) { uses.append(use) }
            }
            try expect(")")
        }
        return .create(name, specialUse: uses)
    }
}
