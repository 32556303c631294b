import Synchronization

/// At most one log record a second of each kind: a flood of refusals must not become a flood of records.
package final class RecordLimit<Kind: Hashable & Sendable>: Sendable {
    private struct State {
        var count = 0
        var loggedAt: ContinuousClock.Instant?
    }

    private let states = Mutex<[Kind: State]>([:])

    package init() {}

    /// - Parameter kind: of a closed set.
    /// - Returns: how many there were since the last record, this one included; `nil` when it is too early for another.
    package func note(_ kind: Kind, at now: ContinuousClock.Instant = .now) -> Int? {
        states.withLock { states in
            var state = states[kind] ?? State()
            defer { states[kind] = state }
            state.count += 1
            if let last = state.loggedAt, now - last < .seconds(1) { return nil }
            defer { state = State(count: 0, loggedAt: now) }
            return state.count
        }
    }
}
