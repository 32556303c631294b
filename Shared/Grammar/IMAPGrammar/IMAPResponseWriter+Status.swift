/// Status responses and server data that are not about one message (RFC 3501 7.1 to 7.3).
extension IMAPResponseWriter {
    package enum Condition: Sendable, Equatable { case ok, no, bad, bye, preAuth }

    /// `tag OK [CODE] text`
    package mutating func tagged(
        _ tag: String, _ condition: Condition, code: IMAPResponseCode? = nil, _ text: String
    ) {
        raw(tag)
        self.condition(condition, code, text)
    }

    /// `* OK [CODE] text`
    package mutating func untagged(_ condition: Condition, code: IMAPResponseCode? = nil, _ text: String) {
        word("*")
        self.condition(condition, code, text)
    }

    /// `+ text`
    package mutating func continuation(_ text: String = "OK") {
        word("+ ")
        raw(text)
        crlf()
    }

    /// `+ text` of a SASL exchange.
    package mutating func challenge(_ text: String) {
        word("+ ")
        if !text.isEmpty { content { $0.raw(text) } }
        crlf()
    }

    /// The answer to what is no command: `* BAD text` when it had no tag. What stood for the tag may be anything.
    package mutating func refusal(_ error: IMAPSyntaxError) {
        if let tag = error.tag { content { $0.raw(tag) } } else { word("*") }
        condition(error.status == .bad ? .bad : .no, error.code, error.text)
    }

    private mutating func condition(_ condition: Condition, _ code: IMAPResponseCode?, _ text: String) {
        switch condition {
        case .ok: word(" OK ")
        case .no: word(" NO ")
        case .bad: word(" BAD ")
        case .bye: word(" BYE ")
        case .preAuth: word(" PREAUTH ")
        }
        if let code {
            byte(UInt8(ascii: "["))
            responseCode(code)
            word("] ")
        }
        raw(text)
        crlf()
    }

    /// `* CAPABILITY IMAP4rev1 ...`
    package mutating func capability(_ names: [String]) {
        word("* CAPABILITY")
        for name in names {
            space()
            raw(name)
        }
        crlf()
    }

    /// `* ENABLED ...` (RFC 5161)
    package mutating func enabled(_ names: [String]) {
        word("* ENABLED")
        for name in names {
            space()
            raw(name)
        }
        crlf()
    }

    /// `* n EXISTS`
    package mutating func exists(_ count: Int) { counted(count, "EXISTS") }
    package mutating func recent(_ count: Int) { counted(count, "RECENT") }
    /// `* n EXPUNGE`, n a sequence number.
    package mutating func expunge(_ number: Int) { counted(number, "EXPUNGE") }

    private mutating func counted(_ count: Int, _ name: StaticString) {
        word("* ")
        number(count)
        space()
        word(name)
        crlf()
    }

    /// `* VANISHED (EARLIER) uids` (RFC 7162 3.2.10)
    package mutating func vanished(_ uids: NumberSet, earlier: Bool) {
        guard !uids.isEmpty else { return }
        word(earlier ? "* VANISHED (EARLIER) " : "* VANISHED ")
        numberSet(uids)
        crlf()
    }

    /// `* FLAGS (...)`
    package mutating func flags(_ flags: [IMAPFlag]) {
        word("* FLAGS ")
        list(flags) { $0.raw($1.name) }
        crlf()
    }

    /// `* SEARCH n n` (RFC 3501 7.2.5; MODSEQ: RFC 7162 3.1.5)
    package mutating func search(_ numbers: some Sequence<UInt32>, modSeq: UInt64? = nil) {
        word("* SEARCH")
        for value in numbers {
            space()
            number(value)
        }
        if let modSeq {
            word(" (MODSEQ ")
            number(modSeq)
            word(")")
        }
        crlf()
    }

    /// `* ESEARCH (TAG "a") UID MIN 1 MAX 3 ALL 1:3 COUNT 3` (RFC 4731 3.1, RFC 4466 2.6.2)
    package mutating func extendedSearch(
        tag: String, uid: Bool, returns: [SearchReturn], found: NumberSet, modSeq: UInt64? = nil
    ) {
        word("* ESEARCH (TAG ")
        quoted(Array(tag.utf8))
        word(uid ? ") UID" : ")")
        for item in returns.isEmpty ? [.all] : returns {
            switch item {
            case .min: found.first.map { searchItem("MIN", $0) }
            case .max: found.last.map { searchItem("MAX", $0) }
            case .count: searchItem("COUNT", found.count)
            case .all where !found.isEmpty:
                word(" ALL ")
                numberSet(found)
            case .all: break
            }
        }
        if let modSeq { searchItem("MODSEQ", modSeq) }
        crlf()
    }

    private mutating func searchItem(_ name: StaticString, _ value: some BinaryInteger) {
        space()
        word(name)
        space()
        number(value)
    }

    /// `* ID (...)` or `* ID NIL` (RFC 2971)
    package mutating func id(_ fields: [(String, String)]) {
        word("* ID ")
        if fields.isEmpty {
            nilValue()
        } else {
            list(fields) { writer, field in
                writer.string(field.0)
                writer.space()
                writer.string(field.1)
            }
        }
        crlf()
    }

    /// Numbers as `1:3,7` (RFC 3501 9 `sequence-set`).
    package mutating func numberSet(_ set: NumberSet) {
        var first = true
        for range in set.ranges {
            if !first { byte(UInt8(ascii: ",")) }
            first = false
            number(range.lowerBound)
            if range.count > 1 {
                byte(UInt8(ascii: ":"))
                number(range.upperBound)
            }
        }
    }
}
