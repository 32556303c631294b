import Logging
import ServiceKit
import Synchronization

/// Tells refused requests in the log, each kind at most once a second: a flood of requests must not become a flood of
/// records.
final class RefusalLog: Sendable {
    private struct State {
        var count = 0
        var loggedAt: ContinuousClock.Instant?
    }

    private let logger: Logger
    private let states = Mutex<[String: State]>([:])

    init(logger: Logger) { self.logger = logger }

    /// - Parameter reason: the code of an `APIError`: a closed set.
    func note(_ reason: String, peer: String) {
        let now = ContinuousClock.now
        let count = states.withLock { states -> Int? in
            var state = states[reason] ?? State()
            defer { states[reason] = state }
            state.count += 1
            if let last = state.loggedAt, now - last < .seconds(1) { return nil }
            defer { state = State(count: 0, loggedAt: now) }
            return state.count
        }
        guard let count else { return }
        logger.info(
            "requests refused",
            metadata: [LogKey.reason: "\(reason)", LogKey.peer: "\(peer)", LogKey.count: "\(count)"])
    }
}
