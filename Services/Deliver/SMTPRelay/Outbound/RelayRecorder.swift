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
        var isClosed = false

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

    /// Returns when it is committed. `false`: it could not be, and the copies are still claimed.
    package func record(_ outcomes: [RelayOutcome], domain: String, news: DestinationNews?) async -> Bool {
        guard !outcomes.isEmpty || news != nil else { return true }
        return await withCheckedContinuation { continuation in
            let ticket = Ticket(outcomes: outcomes, domain: domain, news: news, answer: continuation)
            let worker: (CheckedContinuation<[Ticket]?, Never>, [Ticket])? = state.withLock { state in
                state.waiting.append(ticket)
                guard let idle = state.idle else { return nil }
                state.idle = nil
                return (idle, state.takeBatch())
            }
            if let (continuation, batch) = worker { continuation.resume(returning: batch) }
        }
    }

    /// Until graceful shutdown, and then until all is written. List it before whoever records.
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
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle = nil }
            return state.idle
        }
        idle?.resume(returning: nil)
    }

    private func nextBatch() async -> [Ticket]? {
        await withCheckedContinuation { continuation in
            let ready: [Ticket]?? = state.withLock { state in
                if !state.waiting.isEmpty { return .some(state.takeBatch()) }
                if state.isClosed { return .some(nil) }
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
                let record = try await store.record(
                    batch.flatMap(\.outcomes), news: news, holds: holds(), notify: notify)
                onCommitted(record)
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

    private func settle(_ batch: [Ticket], _ isWritten: Bool) {
        for ticket in batch { ticket.answer.resume(returning: isWritten) }
    }
}
