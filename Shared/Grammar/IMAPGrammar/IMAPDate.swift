package import MailCore
import MessageGrammar

/// A day of the proleptic Gregorian calendar (RFC 3501 9 `date`: `1-Feb-1994`), as days since 1970-01-01.
package struct IMAPDate: Sendable, Hashable, Comparable {
    package var days: Int

    package init(days: Int) { self.days = days }

    /// Nil for a day that does not exist, such as 31 February. Years 0 to 9999.
    package init?(year: Int, month: Int, day: Int) {
        guard let day = CivilDay(year: year, month: month, day: day) else { return nil }
        days = day.number
    }

    /// The day of a moment, in the zone that is `offset` seconds east of UTC.
    package init(_ moment: Timestamp, offset: Int = 0) {
        let seconds = Self.floorDivide(Int(moment.microseconds), 1_000_000)
        days = Self.floorDivide(seconds &+ offset, 86_400)
    }

    package static func < (left: IMAPDate, right: IMAPDate) -> Bool { left.days < right.days }

    /// Midnight UTC at the beginning of the day.
    package var start: Timestamp { Timestamp(seconds: Int64(days) * 86_400) }

    package var calendar: (year: Int, month: Int, day: Int) { CivilDay(number: days).components }

    static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
        value >= 0 ? value / divisor : -((-1 - value) / divisor) - 1
    }
}

/// `"17-Jul-1996 02:44:25 -0700"` (RFC 3501 9 `date-time`).
package struct IMAPDateTime: Sendable, Equatable {
    package var moment: Timestamp
    /// Minutes east of UTC, as sent.
    package var zone: Int

    package init(moment: Timestamp, zone: Int = 0) {
        self.moment = moment
        self.zone = zone
    }

    package static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}

extension IMAPCursor {
    /// `date` = date-text / DQUOTE date-text DQUOTE
    mutating func date() throws(IMAPSyntaxError) -> IMAPDate {
        let isQuoted = skip("\"")
        let date = try dateText()
        if isQuoted { try expect("\"") }
        return date
    }

    /// `d-Mon-yyyy`
    private mutating func dateText() throws(IMAPSyntaxError) -> IMAPDate {
        let day = try digits(1...2)
        try expect("-")
        let name = try run("a month") { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A }
        let month = IMAPDateTime.months.firstIndex {
            $0.utf8.elementsEqual(name) { $0 | 0x20 == $1 | 0x20 }
        }
        try expect("-")
        let year = try digits(4...4)
        guard let month, let date = IMAPDate(year: year, month: month + 1, day: day) else {
            throw IMAPSyntaxError("No such date")
        }
        return date
    }

    /// `date-time` = DQUOTE (SP DIGIT / 2DIGIT) "-" Mon "-" yyyy SP hh:mm:ss SP (+/-)zzzz DQUOTE
    mutating func dateTime() throws(IMAPSyntaxError) -> IMAPDateTime {
        try expect("\"")
        _ = skip(" ")
        let date = try dateText()
        try space()
        let hour = try digits(2...2)
        try expect(":")
        let minute = try digits(2...2)
        try expect(":")
        let second = try digits(2...2)
        try space()
        let isWest = skip("-")
        if !isWest { try expect("+") }
        let zone = try digits(4...4)
        try expect("\"")
        // RFC 3501: seconds may be 60; a zone of 100 hours cannot be.
        guard hour < 24, minute < 60, second <= 60, zone % 100 < 60, zone < 2400 else {
            throw IMAPSyntaxError("No such time")
        }
        let east = (zone / 100 * 60 + zone % 100) * (isWest ? -1 : 1)
        let seconds = date.days * 86_400 + hour * 3600 + minute * 60 + second - east * 60
        return IMAPDateTime(moment: Timestamp(seconds: Int64(seconds)), zone: east)
    }

    private mutating func digits(_ counts: ClosedRange<Int>) throws(IMAPSyntaxError) -> Int {
        let digits = try run("a number", IMAPCharacter.isDigit)
        guard counts.contains(digits.count) else { throw IMAPSyntaxError("Expected \(counts.upperBound) digits") }
        return digits.reduce(0) { $0 * 10 + Int($1 & 0x0F) }
    }
}
