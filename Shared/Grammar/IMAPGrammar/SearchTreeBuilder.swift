/// Puts the keys of a SEARCH together without recursion: what is open around the next key lies on a stack of bounded
/// height (RFC 3501 6.4.4).
struct SearchTreeBuilder {
    enum Open { case list, not, orFirst, orSecond }

    private var open: [Open] = [.list]
    /// The keys so far of each open list, innermost last.
    private var lists: [[SearchKey]] = [[]]
    /// The first operands of the ORs that wait for their second.
    private var operands: [SearchKey] = []
    private var keys = 0
    private var texts = 0
    private var contents = 0

    /// NOT, OR or a parenthesis: one or more keys follow.
    mutating func begin(_ kind: Open) throws(IMAPSyntaxError) {
        open.append(kind)
        if kind == .list { lists.append([]) }
        guard open.count <= IMAPLimits.searchDepth else { throw IMAPSyntaxError("Search too deep") }
        try count()
    }

    /// A key without keys inside. Closes everything that it completes, as far as `cursor` has the closing parentheses;
    /// the whole search when it was the last key, otherwise nil and the cursor stands before the next key.
    mutating func add(_ leaf: SearchKey, _ cursor: inout IMAPCursor) throws(IMAPSyntaxError) -> SearchKey? {
        try count()
        try countTexts(leaf)
        var key = leaf
        while let innermost = open.popLast() {
            switch innermost {
            case .not: key = .not(key)
            case .orFirst:
                open.append(.orSecond)
                operands.append(key)
                try cursor.space()
                return nil
            case .orSecond:
                guard let first = operands.popLast() else { throw IMAPSyntaxError("Expected a key") }
                key = .or(first, key)
            case .list:
                lists[lists.count - 1].append(key)
                if cursor.skip(" ") {
                    open.append(.list)
                    return nil
                }
                guard let list = lists.popLast() else { throw IMAPSyntaxError("Expected a key") }
                key = list.count == 1 ? list[0] : .and(list)
                if !open.isEmpty { try cursor.expect(")") }
            }
        }
        return key
    }

    private mutating func count() throws(IMAPSyntaxError) {
        keys += 1
        guard keys <= IMAPLimits.searchKeys else { throw IMAPSyntaxError("Search too long") }
    }

    private mutating func countTexts(_ key: SearchKey) throws(IMAPSyntaxError) {
        switch key {
        case .body, .text:
            texts += 1
            contents += 1
        case .header: texts += 1
        default: return
        }
        guard texts <= IMAPLimits.searchTexts, contents <= IMAPLimits.searchContents else {
            throw IMAPSyntaxError("Too many texts to search for", status: .no, code: .limit)
        }
    }
}
