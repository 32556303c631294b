import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension BatchProcessor {
    /// How long the handler may take, and what happens then. The attempt has been counted; only the end of the process
    /// stops code that hangs, and brings its hints to another worker.
    package struct Deadline: Sendable {
        package let together: Duration
        package let alone: Duration
        package let onExpiry: @Sendable () -> Void
        private let watchdog = Watchdog()

        package init(together: Duration, alone: Duration, onExpiry: @escaping @Sendable () -> Void) {
            self.together = together
            self.alone = alone
            self.onExpiry = onExpiry
        }

        /// Five tries take a minute or so; the supervisor starts the process again.
        package static func endsProcess(after limit: Duration = .seconds(6)) -> Deadline {
            Deadline(together: limit + limit / 4, alone: limit) { _exit(75) }
        }

        /// Does `work`, and acts if it does not come back. Time in which the machine sleeps does not count.
        /// - Parameters:
        ///   - isExcused: asked when time is up; `true` begins it anew.
        ///   - note: told before the process ends.
        package func watch(
            _ limit: Duration, isExcused: @escaping @Sendable () async -> Bool = { false },
            note: @escaping @Sendable () -> Void, over work: () async throws -> Void
        ) async rethrows {
            let round = watchdog.watch(
                .init(limit: limit, isExcused: isExcused) {
                    note()
                    onExpiry()
                })
            defer { watchdog.forget(round) }
            try await work()
        }
    }
}

/// Acts in the place of work that never returns: one task sleeps for all of it, so that a batch sets no timer. It ends
/// when nothing is under way. When limits differ, what began with the shorter one is noticed later by the difference.
private final class Watchdog: Sendable {
    struct Watched: Sendable {
        let limit: Duration
        let isExcused: @Sendable () async -> Bool
        let act: @Sendable () -> Void
        var due = SuspendingClock.now

        init(limit: Duration, isExcused: @escaping @Sendable () async -> Bool, act: @escaping @Sendable () -> Void) {
            self.limit = limit
            self.isExcused = isExcused
            self.act = act
            beginAnew()
        }

        mutating func beginAnew() { due = .now + limit }
    }

    private struct State {
        var watched: [UInt64: Watched] = [:]
        var latest: UInt64 = 0
        var isAwake = false
    }

    private let state = Mutex(State())

    func watch(_ work: Watched) -> UInt64 {
        let (round, isFirst) = state.withLock { state in
            state.latest += 1
            state.watched[state.latest] = work
            defer { state.isAwake = true }
            return (state.latest, !state.isAwake)
        }
        // Belongs to no one piece of work, and outlives none by more than a limit.
        if isFirst { Task { await keepWatch() } }
        return round
    }

    func forget(_ round: UInt64) { state.withLock { state in state.watched[round] = nil } }

    private func keepWatch() async {
        while let due = nextDue() {
            try? await Task.sleep(until: due, clock: .suspending)  // nobody cancels this task
            for (round, work) in state.withLock(\.watched) where work.due <= .now {
                let isExcused = await work.isExcused()
                let isStillThere = state.withLock { state in
                    if isExcused { state.watched[round]?.beginAnew() }
                    return (isExcused ? state.watched[round] : state.watched.removeValue(forKey: round)) != nil
                }
                if isStillThere, !isExcused { work.act() }
            }
        }
    }

    private func nextDue() -> SuspendingClock.Instant? {
        state.withLock { state in
            state.isAwake = !state.watched.isEmpty
            return state.watched.values.map(\.due).min()
        }
    }
}
