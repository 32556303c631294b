/// Durations as people write them in a setting: `250ms`, `30s`, `5min`, `24h`, `30d`, `0`.
package enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("sec", 1000), ("min", 60_000), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// `nil` if the text is no duration, is negative or is longer than 100 years.
    package static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        var unit = text.dropFirst(digits.count)
        while unit.first == " " { unit.removeFirst() }
        if number == 0, unit.isEmpty { return .zero }
        guard let scale = units.first(where: { $0.suffix == unit })?.milliseconds else { return nil }
        let (milliseconds, overflow) = number.multipliedReportingOverflow(by: scale)
        guard !overflow, milliseconds <= 36_525 * 86_400_000 else { return nil }
        return .milliseconds(milliseconds)
    }

    /// The shortest form that `parse` reads back; sub-millisecond parts are dropped.
    package static func format(_ duration: Duration) -> String {
        let parts = duration.components
        let milliseconds =
            parts.seconds.multipliedReportingOverflow(by: 1000).partialValue &+ parts.attoseconds
            / 1_000_000_000_000_000
        if milliseconds == 0 { return "0" }
        for (suffix, scale) in [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)] as [(String, Int64)]
        where milliseconds >= scale && milliseconds % scale == 0 {
            return "\(milliseconds / scale)\(suffix)"
        }
        return "\(milliseconds)ms"
    }
}

extension Duration {
    /// As a number of seconds, for metrics and arithmetic with the database's intervals.
    package var inSeconds: Double {
        let parts = components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }

    package var inMicroseconds: Int64 {
        let parts = components
        return parts.seconds.multipliedReportingOverflow(by: 1_000_000).partialValue &+ parts.attoseconds
            / 1_000_000_000_000
    }
}
