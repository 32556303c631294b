import Logging
import ServiceKit
import Synchronization

/// Counts connections that were turned away at a limit, and logs them at most once a second: a flood of connections
/// must not become a flood of records.
final class RefusalRecord: Sendable {
    private struct State {
        var count = 0
        var loggedAt: ContinuousClock.Instant?
    }

    private let counters: [String: Metric.Counter]
    private let logger: Logger
    private let state = Mutex(State())

    init(roles: [String], logger: Logger) {
        self.logger = logger
        self.counters = Dictionary(
            uniqueKeysWithValues: Set(roles).map { role in
                let help = "Connections turned away at a limit."
                return (role, Metric.Counter("mail_connections_refused_total", help: help, labels: ["listener": role]))
            })
    }

    func note(role: String) {
        counters[role]?.increment()
        let now = ContinuousClock.now
        let count = state.withLock { state -> Int? in
            state.count += 1
            if let last = state.loggedAt, now - last < .seconds(1) { return nil }
            defer { state = State(count: 0, loggedAt: now) }
            return state.count
        }
        guard let count else { return }
        logger.info(
            "connections refused",
            metadata: [
                LogKey.reason: "connection_limit", LogKey.listener: "\(role)", LogKey.count: "\(count)",
            ])
    }
}
