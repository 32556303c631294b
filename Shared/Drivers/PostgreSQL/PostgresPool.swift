import DequeModule
import Dispatch
package import Logging
import ServiceLifecycle
import Synchronization

/// A bounded set of connections, opened when needed. Usable without `run()`; `run()` closes what is idle or left over.
package final class PostgresPool: Service, Sendable {
    package let configuration: PostgresConfiguration
    private let logger: Logger
    private let state = Mutex(State())

    private struct Waiter {
        let id: UInt64
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<PostgresConnection?, Never>
    }

    private struct State {
        /// Last used at the end, so that spare connections stay idle and can be closed.
        var idle: [(connection: PostgresConnection, since: ContinuousClock.Instant)] = []
        var open = 0
        var waiters: Deque<Waiter> = []
        var nextWaiter: UInt64 = 0
        /// A timer is running for those who wait.
        var isTimed = false
    }

    package init(configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Lends a connection to `body`, which runs on that connection's thread. Cancelling the task does not interrupt it.
    package nonisolated(nonsending) func withConnection<T: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws -> T
    ) async throws -> T {
        let connection = try await acquire()
        defer { release(connection) }
        return try await logged { try await connection.perform(body) }
    }

    /// A transaction of `body`; rolled back when `body` throws.
    ///
    /// End with `commit(after:)` to save the round trip of COMMIT; alone it needs no BEGIN either.
    package nonisolated(nonsending) func transaction<T: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws -> T
    ) async throws -> T {
        let connection = try await acquire()
        defer { release(connection) }
        return try await logged { try await connection.transaction(body) }
    }

    /// Opens a connection for this one use, beside the pool: to ask what became of a lost one, when nothing that was
    /// open before can be trusted. Connecting and each statement have `timeout`.
    package nonisolated(nonsending) func withNewConnection<T: Sendable>(
        timeout: Duration, _ body: @Sendable (isolated PostgresConnection) throws -> T
    ) async throws -> T {
        let connection = PostgresConnection(configuration: configuration.limited(to: timeout))
        return try await logged { try await connection.perform(body) }
    }

    /// The same as a transaction.
    package nonisolated(nonsending) func transactionOnNewConnection<T: Sendable>(
        timeout: Duration, _ body: @Sendable (isolated PostgresConnection) throws -> T
    ) async throws -> T {
        let connection = PostgresConnection(configuration: configuration.limited(to: timeout))
        return try await logged { try await connection.transaction(body) }
    }

    /// Closes connections that were idle for long, and at shutdown all that are not in use.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.closeIdle(before: .now - self.configuration.idleTimeout)
                // A house-keeping interval, on no mail's path. Sleep ends early at shutdown.
                try? await Task.sleep(for: .seconds(60))
            }
        }
        await closeIdle(before: .now)
    }

    package func closeIdle(before moment: ContinuousClock.Instant = .now) async {
        let expired = state.withLock { state in
            let expired = state.idle.filter { $0.since <= moment }
            state.idle.removeAll { $0.since <= moment }
            state.open -= expired.count
            return expired
        }
        for entry in expired { await entry.connection.close() }
    }

    // MARK: - Slots

    private enum Decision { case take(PostgresConnection), make, wait(UInt64) }

    private nonisolated(nonsending) func acquire() async throws -> PostgresConnection {
        let decision: Decision = state.withLock { state in
            if let entry = state.idle.popLast() { return .take(entry.connection) }
            if state.open < configuration.connections {
                state.open += 1
                return .make
            }
            state.nextWaiter &+= 1
            return .wait(state.nextWaiter)
        }
        switch decision {
        case .take(let connection): return connection
        case .make: return PostgresConnection(configuration: configuration)
        case .wait(let id): return try await wait(id)
        }
    }

    /// Waits for a release, at most `acquireTimeout`; a cancelled task stops waiting.
    private nonisolated(nonsending) func wait(_ id: UInt64) async throws -> PostgresConnection {
        let connection = await withTaskCancellationHandler {
            await queue(id)
        } onCancel: {
            expire { $0.id == id }
        }
        if let connection { return connection }
        try Task.checkCancellation()
        throw PostgresError(.poolExhausted, "no free connection of \(configuration.connections)")
    }

    private nonisolated(nonsending) func queue(_ id: UInt64) async -> PostgresConnection? {
        await withCheckedContinuation { continuation in
            let deadline = ContinuousClock.now + configuration.acquireTimeout
            let immediate: PostgresConnection?? = state.withLock { state in
                // One may have come back since we looked.
                if let entry = state.idle.popLast() { return .some(entry.connection) }
                if Task.isCancelled { return .some(nil) }
                state.waiters.append(Waiter(id: id, deadline: deadline, continuation: continuation))
                if !state.isTimed { watch(until: deadline) }
                state.isTimed = true
                return nil
            }
            if let immediate { continuation.resume(returning: immediate) }
        }
    }

    /// One timer for all who wait: all wait equally long, so the first in the queue is the first to give up.
    private func watch(until deadline: ContinuousClock.Instant) {
        let left = Int(clamping: milliseconds(max(deadline - .now, .zero)))
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(left)) { [weak self] in
            guard let self else { return }
            let now = ContinuousClock.now
            self.expire { $0.deadline <= now }
            self.state.withLock { state in
                if let next = state.waiters.first { self.watch(until: next.deadline) }
                state.isTimed = !state.waiters.isEmpty
            }
        }
    }

    private func expire(_ isOver: (Waiter) -> Bool) {
        let expired = state.withLock { state in
            let expired = state.waiters.filter(isOver)
            if !expired.isEmpty { state.waiters.removeAll(where: isOver) }
            return expired
        }
        for waiter in expired { waiter.continuation.resume(returning: nil) }
    }

    private func release(_ connection: PostgresConnection) {
        let waiter = state.withLock { state -> Waiter? in
            if let waiter = state.waiters.popFirst() { return waiter }
            state.idle.append((connection, .now))
            return nil
        }
        waiter?.continuation.resume(returning: connection)
    }

    /// The cause goes to the log here, once; callers only see what it means for them.
    private nonisolated(nonsending) func logged<T>(_ work: () async throws -> T) async throws -> T {
        do {
            return try await work()
        } catch let error as PostgresError {
            logger.info("database request failed", metadata: ["db.error": "\(error)"])
            throw error
        }
    }
}
