package import MailCore

/// A day of the proleptic Gregorian calendar (RFC 3501 9 `date`: `1-Feb-1994`), as days since 1970-01-01.
package struct IMAPDate: Sendable, Hashable, Comparable {
    package var days: Int

    package init(days: Int) { self.days = days }

    /// Nil for a day that does not exist, such as 31 February. Years 0 to 9999.
    package init?(year: Int, month: Int, day: Int) {
        guard (0...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= Self.length(ofMonth: month, year: year)
        else { return nil }
        days = Self.daysSinceEpoch(year: year, month: month, day: day)
    }

    /// The day of a moment, in the zone that is `offset` seconds east of UTC.
    package init(_ moment: Timestamp, offset: Int = 0) {
        let seconds = Self.floorDivide(Int(moment.microseconds), 1_000_000)
        days = Self.floorDivide(seconds &+ offset, 86_400)
    }

    package static func < (left: IMAPDate, right: IMAPDate) -> Bool { left.days < right.days }

    /// Midnight UTC at the beginning of the day.
    package var start: Timestamp { Timestamp(seconds: Int64(days) * 86_400) }

    /// Year, month and day (algorithm of H. Hinnant, "chrono-compatible low-level date algorithms").
    package var calendar: (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = Self.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

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
