import MailWire

extension MailDate {
    /// A Date field's body: RFC 5322 3.3 and 4.3, and the order of C's `asctime`, which old programs write.
    package static func parse(_ bytes: [UInt8]) -> MailDate? {
        bytes.withUnsafeBytes { parse($0, 0..<$0.count) }
    }

    static func parse(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> MailDate? {
        // A date is short; a megabyte of it is not one.
        var lexer = HeaderLexer(bytes, range.prefix(1_024))
        lexer.skipCFWS()
        if lexer.peek?.isASCIILetter == true {
            let start = lexer
            if month(&lexer) == nil {
                _ = lexer.take { !$0.isASCIILetter }
            } else {
                lexer = start
            }
            skipSeparators(&lexer)
        }
        return lexer.peek?.isASCIILetter == true ? asctime(&lexer) : dayFirst(&lexer)
    }

    private static func dayFirst(_ lexer: inout HeaderLexer) -> MailDate? {
        guard let day = number(&lexer, digits: 1...2) else { return nil }
        skipSeparators(&lexer)
        guard let month = month(&lexer) else { return nil }
        skipSeparators(&lexer)
        guard let year = year(&lexer) else { return nil }
        skipSeparators(&lexer)
        guard let date = CivilDay(year: year, month: month, day: day), let second = time(&lexer) else { return nil }
        lexer.skipCFWS()
        return MailDate(day: date, secondOfDay: second, zoneMinutes: zone(&lexer))
    }

    /// `Nov 21 07:55:05 [zone] 2026`.
    private static func asctime(_ lexer: inout HeaderLexer) -> MailDate? {
        guard let month = month(&lexer) else { return nil }
        skipSeparators(&lexer)
        guard let day = number(&lexer, digits: 1...2) else { return nil }
        skipSeparators(&lexer)
        guard let second = time(&lexer) else { return nil }
        lexer.skipCFWS()
        var zoneMinutes = 0
        if let byte = lexer.peek, !byte.isASCIIDigit { zoneMinutes = zone(&lexer) }
        skipSeparators(&lexer)
        guard let year = year(&lexer), let date = CivilDay(year: year, month: month, day: day) else { return nil }
        return MailDate(day: date, secondOfDay: second, zoneMinutes: zoneMinutes)
    }

    private static func skipSeparators(_ lexer: inout HeaderLexer) {
        while lexer.skipCFWS() || lexer.skip(UInt8(ascii: ",")) || lexer.skip(UInt8(ascii: "-"))
            || lexer.skip(UInt8(ascii: "."))
        {}
    }

    private static func number(_ lexer: inout HeaderLexer, digits: ClosedRange<Int>) -> Int? {
        let range = lexer.take { !$0.isASCIIDigit }
        guard digits.contains(range.count) else { return nil }
        return Decimal.parseInt(lexer.bytes[range])
    }

    private static func month(_ lexer: inout HeaderLexer) -> Int? {
        let range = lexer.take { !$0.isASCIILetter }
        guard range.count >= 3 else { return nil }
        let name = UnsafeRawBufferPointer(rebasing: lexer.bytes[range.prefix(3)])
        return monthNames.firstIndex { ASCII.equalsIgnoringCase(name, $0) }.map { $0 + 1 }
    }

    private static let earliestYear = 1900

    /// RFC 5322 4.3: two digits up to 49 are of this century, other short years count from 1900.
    private static func year(_ lexer: inout HeaderLexer) -> Int? {
        let range = lexer.take { !$0.isASCIIDigit }
        guard (2...4).contains(range.count), let year = Decimal.parseInt(lexer.bytes[range]) else { return nil }
        switch range.count {
        case 2: return year < 50 ? year + 2000 : year + 1900
        case 3: return year + 1900
        // RFC 5322 3.3: "any numeric year 1900 or later".
        default: return year < earliestYear ? nil : year
        }
    }

    /// `hh:mm[:ss]`; second 60 is a leap second and counts as the next minute.
    private static func time(_ lexer: inout HeaderLexer) -> Int? {
        lexer.skipCFWS()
        guard let hour = number(&lexer, digits: 1...2), hour < 24 else { return nil }
        lexer.skipCFWS()
        guard lexer.skip(UInt8(ascii: ":")) || lexer.skip(UInt8(ascii: ".")) else { return nil }
        lexer.skipCFWS()
        guard let minute = number(&lexer, digits: 1...2), minute < 60 else { return nil }
        var second = 0
        lexer.skipCFWS()
        if lexer.skip(UInt8(ascii: ":")) || lexer.skip(UInt8(ascii: ".")) {
            lexer.skipCFWS()
            guard let value = number(&lexer, digits: 1...2), value <= 60 else { return nil }
            second = value
        }
        return hour * 3600 + minute * 60 + second
    }

    /// RFC 5322 3.3 and 4.3: an unknown or impossible zone counts as `-0000`.
    private static func zone(_ lexer: inout HeaderLexer) -> Int {
        if lexer.peek == UInt8(ascii: "+") || lexer.peek == UInt8(ascii: "-") {
            let isWest = lexer.peek == UInt8(ascii: "-")
            lexer.advance()
            guard let value = number(&lexer, digits: 4...4), value / 100 < 24, value % 100 < 60 else { return 0 }
            let minutes = value / 100 * 60 + value % 100
            return isWest ? -minutes : minutes
        }
        let range = lexer.take { !$0.isASCIILetter }
        let name = UnsafeRawBufferPointer(rebasing: lexer.bytes[range])
        return obsoleteZones.first { ASCII.equalsIgnoringCase(name, $0.0) }?.1 ?? 0
    }

    private static let obsoleteZones: [(StaticString, Int)] = [
        ("EST", -300), ("EDT", -240), ("CST", -360), ("CDT", -300), ("MST", -420), ("MDT", -360), ("PST", -480),
        ("PDT", -420),
    ]
}
