extension IMAPCursor {
    /// RFC 3501 6.4.4, RFC 4466 2.6.1: `["RETURN" SP "(" options ")" SP] ["CHARSET" SP charset SP] keys`
    mutating func search() throws(IMAPSyntaxError) -> IMAPSearch {
        var returns: [SearchReturn]?
        if skip(word: "RETURN") {
            try space()
            returns = try searchReturns()
            try space()
        }
        if skip(word: "CHARSET") {
            try space()
            let charset = String(decoding: try astring().prefix(64).map(IMAPCharacter.upper), as: UTF8.self)
            guard charset == "UTF-8" || charset == "US-ASCII" else {
                throw IMAPSyntaxError("Unknown charset", status: .no, code: .badCharset)
            }
            try space()
        }
        return IMAPSearch(returns: returns, key: try searchKeys())
    }

    private mutating func searchReturns() throws(IMAPSyntaxError) -> [SearchReturn] {
        var returns: [SearchReturn] = []
        try list(maximum: 8, mayBeEmpty: true) { cursor throws(IMAPSyntaxError) in
            guard let item = SearchReturn(rawValue: try cursor.word()) else {
                throw IMAPSyntaxError("Unknown return option")
            }
            if !returns.contains(item) { returns.append(item) }
        }
        return returns
    }

    // MARK: - Keys

    /// `search-key *(SP search-key)`
    private mutating func searchKeys() throws(IMAPSyntaxError) -> SearchKey {
        var tree = SearchTreeBuilder()
        while true {
            if skip("(") {
                try tree.begin(.list)
            } else if let leaf = try searchLeaf(&tree), let whole = try tree.add(leaf, &self) {
                return whole
            }
        }
    }

    /// A key without keys inside; nil when it was NOT or OR, whose keys follow.
    private mutating func searchLeaf(_ tree: inout SearchTreeBuilder) throws(IMAPSyntaxError) -> SearchKey? {
        if let byte = peek, IMAPCharacter.isDigit(byte) || byte == UInt8(ascii: "*") {
            return .sequence(try sequenceSet())
        }
        let name = try word()
        if let flag = Self.searchFlags[name] { return flag }
        try space()
        switch name {
        case "NOT":
            try tree.begin(.not)
            return nil
        case "OR":
            try tree.begin(.orFirst)
            return nil
        case "KEYWORD": return .flag(try keyword())
        case "UNKEYWORD": return .noFlag(try keyword())
        case "FROM", "TO", "CC", "BCC", "SUBJECT": return .header(field: name, text: try searchText())
        case "HEADER":
            let field = String(decoding: try astring().map(IMAPCharacter.upper), as: UTF8.self)
            try space()
            return .header(field: field, text: try searchText())
        case "BODY": return .body(try searchText())
        case "TEXT": return .text(try searchText())
        case "UID": return .uid(try sequenceSet())
        default: return try measuredKey(name)
        }
    }

    /// Keys with a date, a size or another number.
    private mutating func measuredKey(_ name: String) throws(IMAPSyntaxError) -> SearchKey {
        switch name {
        case "BEFORE": return .before(try date())
        case "ON": return .on(try date())
        case "SINCE": return .since(try date())
        case "SENTBEFORE": return .sentBefore(try date())
        case "SENTON": return .sentOn(try date())
        case "SENTSINCE": return .sentSince(try date())
        case "LARGER": return .larger(try number())
        case "SMALLER": return .smaller(try number())
        case "OLDER": return .older(try nonZeroNumber())
        case "YOUNGER": return .younger(try nonZeroNumber())
        case "MODSEQ": return .modSeq(try searchModSequence())
        default: throw IMAPSyntaxError("Unknown search key")
        }
    }

    private static let searchFlags: [String: SearchKey] = [
        "ALL": .all, "NEW": .new,
        "ANSWERED": .flag(.answered), "DELETED": .flag(.deleted), "DRAFT": .flag(.draft), "FLAGGED": .flag(.flagged),
        "SEEN": .flag(.seen), "RECENT": .flag(.recent),
        "UNANSWERED": .noFlag(.answered), "UNDELETED": .noFlag(.deleted), "UNDRAFT": .noFlag(.draft),
        "UNFLAGGED": .noFlag(.flagged), "UNSEEN": .noFlag(.seen), "OLD": .noFlag(.recent),
    ]

    /// `flag-keyword` = atom
    private mutating func keyword() throws(IMAPSyntaxError) -> IMAPFlag {
        let name = try atom()
        guard name.count <= IMAPLimits.keyword else { throw IMAPSyntaxError("Keyword too long") }
        return .keyword(String(decoding: name, as: UTF8.self))
    }

    /// Clients send UTF-8 with and without CHARSET; anything else cannot be compared with a decoded mail.
    private mutating func searchText() throws(IMAPSyntaxError) -> String {
        guard let text = String(validating: try astring(), as: UTF8.self) else {
            throw IMAPSyntaxError("Invalid UTF-8", status: .no, code: .badCharset)
        }
        return text
    }

    /// RFC 7162 3.1.5: `[entry-name SP entry-type SP] mod-sequence`; there is one modseq per message here.
    private mutating func searchModSequence() throws(IMAPSyntaxError) -> UInt64 {
        if peeks("\"") {
            _ = try string()
            try space()
            guard ["ALL", "SHARED", "PRIV"].contains(try word()) else { throw IMAPSyntaxError("Unknown entry type") }
            try space()
        }
        return try modSequence()
    }
}
