package import Logging
import PostgreSQL
import ServiceKit
import ServiceLifecycle
package import Storage
import Synchronization

/// Writes down how attempts ended. What ends while one transaction commits goes together in the next.
package final class RelayRecorder: Service, Sendable {
    private static let maximumOutcomes = 128
    private static let longestPause = Duration.seconds(5)

    private struct Ticket {
        let outcomes: [RelayOutcome]
        let domain: String
        let news: DestinationNews?
        let answer: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var waiting: [Ticket] = []
        var idle: CheckedContinuation<[Ticket]?, Never>?
        /// Runs that may still record something.
        var runs = 0
        var isClosed = false
        var isEnded = false

        /// Says so once: nobody takes what comes after.
        mutating func endsNow() -> Bool {
            guard isClosed, runs == 0, waiting.isEmpty else { return false }
            isEnded = true
            return true
        }

        mutating func takeBatch() -> [Ticket] {
            var count = 0
            var size = 0
            while count < waiting.count, size == 0 || size + waiting[count].outcomes.count <= maximumOutcomes {
                size += waiting[count].outcomes.count
                count += 1
            }
            defer { waiting.removeFirst(count) }
            return Array(waiting[..<count])
        }
    }

    private let store: RelayStore
    private let holds: @Sendable () -> [Duration]
    private let notify: RelayStore.Notify
    private let onCommitted: @Sendable (RelayRecord) -> Void
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - holds: how long a destination is held after its n-th failure in a row.
    ///   - notify: makes the notification of a failure.
    ///   - onCommitted: told of each transaction; must not block.
    package init(
        store: RelayStore, holds: @escaping @Sendable () -> [Duration], logger: Logger,
        notify: @escaping RelayStore.Notify,
        onCommitted: @escaping @Sendable (RelayRecord) -> Void
    ) {
        self.store = store
        self.holds = holds
        self.logger = logger
        self.notify = notify
        self.onCommitted = onCommitted
    }

    /// A run begins, which will record its outcomes: the recorder waits for it, also after shutdown or cancellation.
    package func runBegins() { state.withLock { $0.runs += 1 } }

    package func runEnded() {
        wakeWhenOver { $0.runs -= 1 }
    }

    /// Returns when it is committed. `false`: it could not be, and the copies are still claimed.
    package func record(_ outcomes: [RelayOutcome], domain: String, news: DestinationNews?) async -> Bool {
        guard !outcomes.isEmpty || news != nil else { return true }
        return await withCheckedContinuation { continuation in
            let ticket = Ticket(outcomes: outcomes, domain: domain, news: news, answer: continuation)
            var worker: (CheckedContinuation<[Ticket]?, Never>, [Ticket])?
            let isTaken = state.withLock { state in
                guard !state.isEnded else { return false }
                state.waiting.append(ticket)
                if let idle = state.idle {
                    state.idle = nil
                    worker = (idle, state.takeBatch())
                }
                return true
            }
            guard isTaken else { return continuation.resume(returning: false) }
            if let (idle, batch) = worker { idle.resume(returning: batch) }
        }
    }

    /// Until graceful shutdown, and then until no run is left and all is written. List it before whoever records.
    package func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                while let batch = await self.nextBatch() { await self.write(batch) }
            } onCancel: {
                self.close()
            }
        } onGracefulShutdown: {
            self.close()
        }
    }

    private func close() {
        wakeWhenOver { $0.isClosed = true }
    }

    private func wakeWhenOver(_ change: (inout State) -> Void) {
        let idle: CheckedContinuation<[Ticket]?, Never>? = state.withLock { state in
            change(&state)
            guard state.idle != nil, state.endsNow() else { return nil }
            defer { state.idle = nil }
            return state.idle
        }
        idle?.resume(returning: nil)
    }

    private func nextBatch() async -> [Ticket]? {
        await withCheckedContinuation { continuation in
            let ready: [Ticket]?? = state.withLock { state in
                if !state.waiting.isEmpty { return .some(state.takeBatch()) }
                if state.endsNow() { return .some(nil) }
                state.idle = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    /// While storage is away this waits: what was delivered must not be forgotten, or it would be delivered again.
    private func write(_ batch: [Ticket]) async {
        var pause = Duration.milliseconds(100)
        while true {
            do {
                var news: [String: DestinationNews] = [:]
                for ticket in batch {
                    // A host that answered one connection is there, whatever another one met.
                    if let its = ticket.news, news[ticket.domain] != .reached { news[ticket.domain] = its }
                }
                onCommitted(try await commit(batch.flatMap(\.outcomes), news))
                return settle(batch, true)
            } catch {
                logger.warning(
                    "outcomes could not be recorded",
                    metadata: [LogKey.count: "\(batch.count)", LogKey.error: "\(error)"])
                if (error as? PostgresError)?.isTemporary == true, !Task.isCancelled {
                    // Only after a failure. A cancelled sleep ends the loop by the condition above.
                    try? await Task.sleep(for: pause)
                    pause = min(pause * 2, Self.longestPause)
                    continue
                }
                guard batch.count > 1, !Task.isCancelled else { return settle(batch, false) }
                for ticket in batch { await write([ticket]) }
                return
            }
        }
    }

    /// Shielded from cancellation: a cancelled task does not wait for a connection, and what was delivered would be lost.
    private func commit(_ outcomes: [RelayOutcome], _ news: [String: DestinationNews]) async throws -> RelayRecord {
        try await Task { [store, notify, holds = holds()] in
            try await store.record(outcomes, news: news, holds: holds, notify: notify)
        }.value
    }

    private func settle(_ batch: [Ticket], _ isWritten: Bool) {
        for ticket in batch { ticket.answer.resume(returning: isWritten) }
    }
}
