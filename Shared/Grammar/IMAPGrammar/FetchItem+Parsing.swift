extension IMAPCursor {
    /// After the set: `(macro / item / "(" items ")") [SP "(" modifiers ")"]`
    mutating func fetch(_ set: SequenceSet) throws(IMAPSyntaxError) -> IMAPFetch {
        var fetch = IMAPFetch(set: set, items: [])
        if peeks("(") {
            try list(maximum: IMAPLimits.fetchItems) { cursor throws(IMAPSyntaxError) in
                let item = try cursor.fetchItem(named: try cursor.word())
                // Asked twice, answered once: no amplification by repetition.
                if !fetch.items.contains(item) { fetch.items.append(item) }
            }
        } else {
            let name = try word()
            if let macro = Self.macros[name] { fetch.items = macro } else { fetch.items = [try fetchItem(named: name)] }
        }
        guard skip(" ") else { return fetch }
        try list(maximum: 2) { cursor throws(IMAPSyntaxError) in
            switch try cursor.word() {
            case "CHANGEDSINCE":
                try cursor.space()
                fetch.changedSince = try cursor.modSequence()
            case "VANISHED": fetch.vanished = true
            default: throw IMAPSyntaxError("Unknown modifier")
            }
        }
        return fetch
    }

    /// RFC 3501 6.4.5
    private static let macros: [String: [FetchItem]] = [
        "ALL": [.flags, .internalDate, .rfc822Size, .envelope],
        "FAST": [.flags, .internalDate, .rfc822Size],
        "FULL": [.flags, .internalDate, .rfc822Size, .envelope, .body],
    ]

    private mutating func fetchItem(named name: String) throws(IMAPSyntaxError) -> FetchItem {
        switch name {
        case "FLAGS": return .flags
        case "INTERNALDATE": return .internalDate
        case "RFC822.SIZE": return .rfc822Size
        case "ENVELOPE": return .envelope
        case "UID": return .uid
        case "MODSEQ": return .modSeq
        case "BODYSTRUCTURE": return .bodyStructure
        case "RFC822": return .rfc822
        case "RFC822.HEADER": return .rfc822Header
        case "RFC822.TEXT": return .rfc822Text
        case "BODY" where !peeks("["): return .body
        case "BODY", "BODY.PEEK":
            let section = try fetchSection()
            return .section(section, peek: name == "BODY.PEEK", partial: try fetchPartial())
        default: throw IMAPSyntaxError("Unknown fetch item")
        }
    }

    /// `section` = "[" [section-spec] "]"
    private mutating func fetchSection() throws(IMAPSyntaxError) -> FetchSection {
        try expect("[")
        var section = FetchSection()
        if skip("]") { return section }
        var wantsText = true
        while let byte = peek, IMAPCharacter.isDigit(byte) {
            guard section.part.count < IMAPLimits.sectionParts else { throw IMAPSyntaxError("Section too deep") }
            section.part.append(try nonZeroNumber())
            wantsText = skip(".")
            if !wantsText { break }
        }
        if wantsText { section.text = try sectionText(inPart: !section.part.isEmpty) }
        try expect("]")
        return section
    }

    /// `section-msgtext` or, inside a part, "MIME" too.
    private mutating func sectionText(inPart: Bool) throws(IMAPSyntaxError) -> FetchSection.Text {
        switch try word() {
        case "HEADER": return .header
        case "TEXT": return .text
        case "MIME" where inPart: return .mime
        case "HEADER.FIELDS": return .headerFields(try headerNames(), not: false)
        case "HEADER.FIELDS.NOT": return .headerFields(try headerNames(), not: true)
        default: throw IMAPSyntaxError("Unknown section")
        }
    }

    private mutating func headerNames() throws(IMAPSyntaxError) -> [[UInt8]] {
        try space()
        var names: [[UInt8]] = []
        try list(maximum: IMAPLimits.headerFields) { cursor throws(IMAPSyntaxError) in
            names.append(try cursor.astring())
        }
        return names
    }

    /// `["<" number "." nz-number ">"]`
    private mutating func fetchPartial() throws(IMAPSyntaxError) -> FetchPartial? {
        guard skip("<") else { return nil }
        let offset = try number()
        try expect(".")
        let count = try nonZeroNumber()
        try expect(">")
        return FetchPartial(offset: offset, count: count)
    }
}
