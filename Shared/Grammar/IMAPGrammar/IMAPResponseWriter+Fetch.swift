package import MailCore

/// `* n FETCH (...)` (RFC 3501 7.4.2). Items are written between `beginFetch` and `endFetch`; each puts its own space.
extension IMAPResponseWriter {
    package mutating func beginFetch(_ number: Int) {
        word("* ")
        self.number(number)
        word(" FETCH (")
    }

    package mutating func endFetch() {
        word(")")
        crlf()
    }

    /// The space between two items, none after the parenthesis.
    mutating func item(_ name: StaticString) {
        if bytes.last != UInt8(ascii: "(") { space() }
        word(name)
    }

    package mutating func fetchUID(_ uid: UInt32) {
        item("UID ")
        number(uid)
    }

    package mutating func fetchSize(_ size: Int) {
        item("RFC822.SIZE ")
        number(size)
    }

    package mutating func fetchModSeq(_ modSeq: UInt64) {
        item("MODSEQ (")
        number(modSeq)
        word(")")
    }

    package mutating func fetchInternalDate(_ date: Timestamp) {
        item("INTERNALDATE ")
        internalDate(date)
    }

    /// FLAGS of a stored message: bits as in `IMAPFlag.bit`, bit 8 + i is keyword i of the mailbox.
    package mutating func fetchFlags(bits: Int64, keywords: [String], recent: Bool = false) {
        item("FLAGS ")
        flagList(bits: bits, keywords: keywords, recent: recent)
    }

    package mutating func flagList(bits: Int64, keywords: [String], recent: Bool = false) {
        byte(UInt8(ascii: "("))
        var first = true
        func separate(_ writer: inout IMAPResponseWriter) {
            if !first { writer.space() }
            first = false
        }
        for (index, flag) in IMAPFlag.system.enumerated() where bits & (1 << Int64(index)) != 0 {
            separate(&self)
            raw(flag.name)
        }
        if recent {
            separate(&self)
            word("\\Recent")
        }
        var rest = UInt64(bitPattern: bits) >> 8
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest - 1
            guard index < keywords.count else { break }
            separate(&self)
            raw(keywords[index])
        }
        byte(UInt8(ascii: ")"))
    }

    /// `BODY[...]<origin> {size}` CRLF: exactly `size` bytes must follow (`announced`). `origin` is the first octet of a partial.
    package mutating func fetchSectionHeader(_ item: FetchItem, size: Int) {
        sectionName(item)
        content(size) { $0.literalHeader(size) }
    }

    /// A section that is small: the header and the bytes. Always a literal, as every server does.
    package mutating func fetchSection(_ item: FetchItem, _ octets: some Collection<UInt8>) {
        fetchSectionHeader(item, size: octets.count)
        announced(octets)
    }

    /// A part that does not exist: `BODY[9] NIL`.
    package mutating func fetchSectionNil(_ item: FetchItem) {
        sectionName(item)
        nilValue()
    }

    private mutating func sectionName(_ item: FetchItem) {
        switch item {
        case .rfc822: self.item("RFC822 ")
        case .rfc822Header: self.item("RFC822.HEADER ")
        case .rfc822Text: self.item("RFC822.TEXT ")
        case .section(let section, _, let partial):
            self.item("BODY[")
            sectionSpecification(section)
            byte(UInt8(ascii: "]"))
            if let partial {
                byte(UInt8(ascii: "<"))
                number(partial.offset)
                byte(UInt8(ascii: ">"))
            }
            space()
        case .flags, .internalDate, .rfc822Size, .envelope, .uid, .modSeq, .body, .bodyStructure:
            return
        }
    }

    private mutating func sectionSpecification(_ section: FetchSection) {
        var first = true
        for part in section.part {
            if !first { byte(UInt8(ascii: ".")) }
            first = false
            number(part)
        }
        if case .full = section.text { return }
        if !section.part.isEmpty { byte(UInt8(ascii: ".")) }
        switch section.text {
        case .full: break
        case .header: word("HEADER")
        case .text: word("TEXT")
        case .mime: word("MIME")
        case .headerFields(let names, let not):
            word(not ? "HEADER.FIELDS.NOT " : "HEADER.FIELDS ")
            list(names) { $0.astring($1) }
        }
    }

    /// `"17-Jul-1996 02:44:25 +0000"`, in UTC.
    package mutating func internalDate(_ date: Timestamp) {
        let day = IMAPDate(date)
        let calendar = day.calendar
        let seconds = Int(date.microseconds.quotientFloor(1_000_000)) - day.days * 86_400
        byte(UInt8(ascii: "\""))
        twoDigits(calendar.day)
        byte(UInt8(ascii: "-"))
        raw(IMAPDateTime.months[calendar.month - 1])
        byte(UInt8(ascii: "-"))
        twoDigits(max(0, min(calendar.year, 9999)) / 100)
        twoDigits(max(0, min(calendar.year, 9999)) % 100)
        space()
        twoDigits(seconds / 3600)
        byte(UInt8(ascii: ":"))
        twoDigits(seconds / 60 % 60)
        byte(UInt8(ascii: ":"))
        twoDigits(seconds % 60)
        word(" +0000\"")
    }

    private mutating func twoDigits(_ value: Int) {
        byte(0x30 + UInt8(truncatingIfNeeded: value / 10 % 10))
        byte(0x30 + UInt8(truncatingIfNeeded: value % 10))
    }
}

extension Int64 {
    /// Division that rounds down, so that moments before 1970 fall on the right second.
    func quotientFloor(_ divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : -((-1 - self) / divisor) - 1
    }
}
