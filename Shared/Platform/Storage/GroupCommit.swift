import DequeModule
package import Logging
import MailCore
package import PostgreSQL
package import QueueContracts
import ServiceLifecycle
import Synchronization

/// Group commit of acceptance: sessions that finish DATA together share one transaction.
///
/// Two transactions are in flight at most; while they commit, the next batch collects. There is no timer on the way: an
/// idle server commits a lone mail at once. Every `submit` is answered within 10 s, whatever the storage does.
///
/// Each worker has a connection of its own and lives on that connection's thread: it takes a batch, commits it and
/// answers its sessions there, without a change of threads in between.
package final class AcceptanceQueue: Service, Sendable {
    package static let maximumMails = 128
    package static let maximumBytes = 4 << 20
    package static let inFlight = 2
    /// What may wait in memory for a commit.
    private static let maximumWaitingBytes = 64 << 20
    private static let worthACommit = 16
    private static let slowCommit = Duration.milliseconds(20)

    private let store: AcceptanceStore
    private let configuration: PostgresConfiguration
    private let gauge: OutboxGauge
    private let onCommitted: @Sendable ([MailHint.Entry]) -> Void
    private let answerWithin: Duration
    private let logger: Logger
    private let state = Mutex(State())
    private let activity = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// One that waits for a batch; `nil` ends it.
    private typealias Worker = CheckedContinuation<[AcceptanceTicket]?, Never>
    private typealias Start = (worker: Worker, batch: [AcceptanceTicket])

    private struct State {
        var waiting: Deque<AcceptanceTicket> = []
        var waitingBytes = 0
        var workers: [Worker] = []
        /// Workers with a batch, and since when the youngest has it.
        var busy = 0
        var busySince = ContinuousClock.now
        /// What each busy worker has taken.
        var taken: [Int: [AcceptanceTicket]] = [:]
        var isClosed = false

        /// While a commit is under way, a second one starts for a batch that is worth a transaction of its own, or
        /// when the first takes long: ten sessions share one flush and not two half ones.
        var isDue: Bool {
            guard !waiting.isEmpty else { return false }
            return busy == 0 || waiting.count >= AcceptanceQueue.worthACommit
                || ContinuousClock.now - busySince > AcceptanceQueue.slowCommit
        }

        /// A worker without a batch, and one for it.
        mutating func nextStart() -> Start? {
            guard isDue, let worker = workers.popLast() else { return nil }
            return (worker, takeBatch())
        }

        mutating func takeBatch() -> [AcceptanceTicket] {
            busy += 1
            busySince = .now
            var batch: [AcceptanceTicket] = []
            var bytes = 0
            while let next = waiting.first, batch.count < maximumMails {
                bytes += next.mail.weight
                if bytes > maximumBytes, !batch.isEmpty { break }
                waitingBytes -= next.mail.weight
                batch.append(waiting.removeFirst())
            }
            return batch
        }
    }

    /// - Parameters:
    ///   - onCommitted: called once per committed batch, for its hint; must not block.
    ///   - outboxMaximum: unfinished mails from which on nothing more is accepted.
    ///   - answerWithin: at the latest; the protocol's own limit is 10 s.
    package init(
        pool: PostgresPool, onCommitted: @escaping @Sendable ([MailHint.Entry]) -> Void, outboxMaximum: Int,
        answerWithin: Duration = .milliseconds(9500), logger: Logger
    ) {
        self.store = AcceptanceStore(pool: pool)
        self.configuration = pool.configuration
        self.gauge = OutboxGauge(pool: pool, maximum: outboxMaximum)
        self.onCommitted = onCommitted
        self.answerWithin = answerWithin
        self.logger = logger
    }

    /// Another limit of unfinished mails from now on.
    package func update(outboxMaximum: Int) { gauge.update(maximum: outboxMaximum) }

    /// Suspends until the mail is durable or known not to be accepted.
    package nonisolated(nonsending) func submit(_ mail: AcceptedMail) async -> AcceptanceOutcome {
        if gauge.isFull { return .outboxFull }
        return await withCheckedContinuation { continuation in
            let ticket = AcceptanceTicket(mail: mail, deadline: .now + answerWithin, continuation: continuation)
            let (start, refusal) = state.withLock { state -> (Start?, String?) in
                if state.isClosed { return (nil, "shutting down, try again later") }
                if state.waitingBytes > Self.maximumWaitingBytes { return (nil, "too busy, try again later") }
                state.waiting.append(ticket)
                state.waitingBytes += mail.weight
                return (state.nextStart(), nil)
            }
            activity.continuation.yield()
            if let start { start.worker.resume(returning: start.batch) }
            if let refusal { refuse([ticket], refusal) }
        }
    }

    /// Runs until graceful shutdown, then finishes what was submitted before. List it before the server that submits.
    package func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withTaskGroup(of: Void.self) { group in
                    for worker in 0..<Self.inFlight {
                        group.addTask {
                            await self.work(worker, on: PostgresConnection(configuration: self.configuration))
                        }
                    }
                    group.addTask { await self.answerOverdue() }
                    group.addTask { await self.gauge.run() }
                    for _ in 0..<Self.inFlight { await group.next() }
                    self.activity.continuation.finish()
                    group.cancelAll()
                }
            } onCancel: {
                self.close()
            }
        } onGracefulShutdown: {
            self.close()
        }
    }

    private func close() {
        let workers = state.withLock { state in
            state.isClosed = true
            defer { state.workers = [] }
            return state.workers
        }
        for worker in workers { worker.resume(returning: nil) }
    }

    // MARK: - Workers

    private func work(_ worker: Int, on connection: isolated PostgresConnection) async {
        while let batch = await nextBatch(on: connection) {
            state.withLock { $0.taken[worker] = batch }
            await accept(batch, on: connection)
            // Whose time was over before its commit began has no answer yet.
            refuse(batch, "storage is too slow, try again later")
            state.withLock { state in
                state.taken[worker] = nil
                state.busy -= 1
            }
        }
    }

    private func nextBatch(on connection: isolated PostgresConnection) async -> [AcceptanceTicket]? {
        await withCheckedContinuation { continuation in
            let ready: [AcceptanceTicket]?? = state.withLock { state in
                if state.isDue || state.isClosed && !state.waiting.isEmpty { return .some(state.takeBatch()) }
                if state.isClosed { return .some(nil) }
                state.workers.append(continuation)
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    private func accept(_ batch: [AcceptanceTicket], on connection: isolated PostgresConnection) async {
        do {
            // A client that already has its 451 sends the mail again: its mail must not be committed now.
            let wanted = try store.commit(batch.map(\.mail), on: connection) { batch.allSatisfy(\.isWanted) }
            if wanted { return settle(batch, committed: { _ in true }) }
            let rest = batch.filter(\.isWanted)
            if !rest.isEmpty, rest.count < batch.count { await accept(rest, on: connection) }
        } catch let error as PostgresError where error.code == .commitUnknown {
            let found = await lookUp(batch.map(\.mail.id), after: error)
            logger.warning(
                "outcome of a commit was unknown",
                metadata: ["mails": "\(batch.count)", "found": "\(found.count)", "db.error": "\(error)"])
            settle(batch, committed: { found.contains($0) })
        } catch {
            logger.warning("acceptance failed", metadata: ["mails": "\(batch.count)", "db.error": "\(error)"])
            let mayBeOneMailsFault = batch.count > 1 && isFaultOfContent(error)
            guard mayBeOneMailsFault else { return settle(batch, committed: { _ in false }) }
            for ticket in batch where ticket.isWanted { await accept([ticket], on: connection) }
        }
    }

    /// An aborted transaction: one mail of the batch may be to blame, and must not take the others along.
    private func isFaultOfContent(_ error: any Error) -> Bool {
        guard let error = error as? PostgresError else { return true }
        switch error.code {
        case .server, .decoding: return true
        case .connectFailed, .connectionLost, .timeout, .poolExhausted, .commitUnknown, .commitWarning: return false
        }
    }

    /// Answers those that have no answer yet.
    private func refuse(_ tickets: [AcceptanceTicket], _ text: String) {
        for ticket in tickets { ticket.settle(.temporaryFailure(publicText: text)) }
    }

    private func settle(_ batch: [AcceptanceTicket], committed: (MailID) -> Bool) {
        let entries = batch.filter { committed($0.mail.id) }.map {
            MailHint.Entry(mail: $0.mail.id, traceparent: $0.mail.traceparent)
        }
        if !entries.isEmpty {
            gauge.add(entries.count)
            onCommitted(entries)
        }
        for ticket in batch {
            ticket.settle(
                committed(ticket.mail.id)
                    ? .committed : .temporaryFailure(publicText: "storage is not available, try again later"))
        }
    }

    // MARK: - Unknown outcome

    /// Within 4 s: waits until the transaction is over, then looks for its mails. What is not found counts as lost.
    private func lookUp(_ mails: [MailID], after error: PostgresError) async -> Set<MailID> {
        let deadline = ContinuousClock.now + .seconds(4)
        var fate = AcceptanceStore.Fate.open(id: nil)
        while deadline - .now > .milliseconds(10) {
            do {
                if case .open(let id) = fate {
                    fate = try await store.fate(of: error.backendProcess, id: id, timeout: deadline - .now)
                    if fate != .over {
                        // Only after a failure, and bounded: the server has no call that waits for a transaction.
                        try await Task.sleep(for: .milliseconds(50))
                        continue
                    }
                }
                return try await store.find(mails, timeout: deadline - .now)
            } catch let failure as PostgresError where failure.code == .commitWarning {
                // Found or not: what we saw is not on the standby.
                return []
            } catch let failure as PostgresError where ["22023", "42501"].contains(failure.sqlState) && fate != .over {
                // The id means nothing to this server (another one after a failover), or we may not ask.
                fate = .over
            } catch is CancellationError {
                return []
            } catch {
                // Not reachable yet.
                do { try await Task.sleep(for: .milliseconds(100)) } catch { return [] }
            }
        }
        return []
    }

    /// While mails are waiting: twice a second, gives up those whose time is over.
    private func answerOverdue() async {
        for await _ in activity.stream {
            while true {
                let (overdue, rest, start) = state.withLock { state -> ([AcceptanceTicket], Bool, Start?) in
                    let now = ContinuousClock.now
                    let all = state.taken.values.joined().filter { !$0.isSettled } + state.waiting
                    state.waiting.removeAll { $0.deadline <= now }
                    state.waitingBytes = state.waiting.reduce(0) { $0 + $1.mail.weight }
                    // A worker that was given its batch this moment has not yet said so.
                    let rest = state.busy > 0 || all.contains { $0.deadline > now }
                    return (all.filter { $0.deadline <= now }, rest, state.nextStart())
                }
                if let start { start.worker.resume(returning: start.batch) }
                refuse(overdue, "storage is too slow, try again later")
                if !rest { break }
                do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
            }
        }
    }
}
