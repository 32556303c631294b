package import MailCore
import MailWire

/// A moment and the zone it was written in.
package struct MailDate: Sendable, Equatable {
    package let timestamp: Timestamp
    /// Minutes east of Greenwich.
    package let zoneMinutes: Int

    package init(timestamp: Timestamp, zoneMinutes: Int = 0) {
        self.timestamp = timestamp
        self.zoneMinutes = zoneMinutes
    }

    init?(day: CivilDay, secondOfDay: Int, zoneMinutes: Int) {
        // Years are bounded by CivilDay, so nothing here comes near an overflow.
        let seconds = Int64(day.number) * 86_400 + Int64(secondOfDay) - Int64(zoneMinutes) * 60
        self.init(timestamp: Timestamp(seconds: seconds), zoneMinutes: zoneMinutes)
    }

    private var localSeconds: Int {
        let microseconds = timestamp.microseconds
        let seconds = microseconds / 1_000_000 - (microseconds % 1_000_000 < 0 ? 1 : 0)
        return Int(seconds) + zoneMinutes * 60
    }

    /// The calendar day as written, which IMAP's SENTON and ON compare (RFC 3501 6.4.4).
    package var day: CivilDay {
        let seconds = localSeconds
        return CivilDay(number: seconds / 86_400 - (seconds % 86_400 < 0 ? 1 : 0))
    }

    var secondOfDay: Int {
        let rest = localSeconds % 86_400
        return rest < 0 ? rest + 86_400 : rest
    }

    static let monthNames: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    static let dayNames: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    /// RFC 5322 3.3, e.g. `Sat, 21 Nov 2026 07:55:05 +0000`, for Date and Received.
    package var headerText: [UInt8] {
        var text: [UInt8] = []
        let (year, month, dayOfMonth) = day.components
        Self.append(Self.dayNames[day.weekday], to: &text)
        text.append(contentsOf: ", ".utf8)
        Decimal.append(dayOfMonth, to: &text)
        text.append(.space)
        Self.append(Self.monthNames[month - 1], to: &text)
        text.append(.space)
        Decimal.append(year, to: &text, minimumDigits: 4)
        text.append(.space)
        appendTimeAndZone(to: &text)
        return text
    }

    private static func append(_ name: StaticString, to text: inout [UInt8]) {
        text.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    private func appendTimeAndZone(to text: inout [UInt8]) {
        let second = secondOfDay
        Decimal.append(second / 3600, to: &text, minimumDigits: 2)
        text.append(UInt8(ascii: ":"))
        Decimal.append(second / 60 % 60, to: &text, minimumDigits: 2)
        text.append(UInt8(ascii: ":"))
        Decimal.append(second % 60, to: &text, minimumDigits: 2)
        text.append(.space)
        text.append(zoneMinutes < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        let zone = Int(zoneMinutes.magnitude)
        Decimal.append(zone / 60, to: &text, minimumDigits: 2)
        Decimal.append(zone % 60, to: &text, minimumDigits: 2)
    }
}
