/// When a copy that could not be delivered is tried again (RFC 5321 4.5.4.1).
package struct RelaySchedule: Sendable, Hashable {
    /// 5, 15, 30 minutes, 1, 2 and then every 4 hours.
    package static let standard: [Duration] = [300, 900, 1800, 3600, 7200, 14_400].map { .seconds($0) }

    /// After the first failed attempt, the second, ...; the last one repeats.
    package let delays: [Duration]
    /// From when the mail came to relayd; then it goes back.
    package let expiry: Duration

    package init(delays: [Duration] = Self.standard, expiry: Duration = .seconds(5 * 86_400)) {
        self.delays = delays.isEmpty ? Self.standard : delays
        self.expiry = expiry
    }

    /// - Parameter tries: attempts that failed before the one that fails now.
    package func delay(after tries: Int) -> Duration { delays[min(max(0, tries), delays.count - 1)] }
}
