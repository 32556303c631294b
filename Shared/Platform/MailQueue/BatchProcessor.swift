package import Logging
package import MailCore
import PostgreSQL
import QueueContracts
import ServiceKit
import ServiceLifecycle
import Storage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Does the work of one batch of hints, and finds the mail that spoils it.
///
/// All together first. When that fails, one by one: each mail's attempt is counted and committed before it is made,
/// and the fifth failure parks the mail. Hints that the broker gives out again may have ended the process that had
/// them: of their mails those without a try get their first one together, counted before it is made; all others are
/// tried alone. While storage is away nothing is counted and nothing moves on. Nor is a wait for a lock that somebody
/// holds too long counted; the mail comes again.
package struct BatchProcessor: Sendable {
    /// How long the handler may take, and what happens then. The attempt has been counted; only the end of the process
    /// stops code that hangs, and brings its hints to another worker.
    package struct Deadline: Sendable {
        package var together: Duration
        package var alone: Duration
        package var onExpiry: @Sendable () -> Void

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
            // Ends with this call, in whose place it acts only when the work never returns.
            let watch = Task {
                repeat {
                    // Ends early when the work is done.
                    try? await Task.sleep(for: limit, clock: .suspending)
                    if Task.isCancelled { return }
                } while await isExcused()
                guard !Task.isCancelled else { return }
                note()
                onExpiry()
            }
            defer { watch.cancel() }
            try await work()
        }
    }

    /// For the connections of a stage (`PostgresConfiguration.lockTimeout`): a try that waits for a lock shall hear of
    /// it before it is taken for one that hangs, even if it has waited for another lock before.
    package static func lockTimeout(_ tryLimit: Duration) -> Duration { tryLimit / 3 }

    /// So often a batch is repeated as a whole after storage failed it and answered again; a mail that brings storage
    /// down must not do so for ever.
    private static let storageRetries = 3

    private let stage: Stage
    private let work: any TryCounter
    private let hints: HintPublisher
    private let logger: Logger
    private let handler: StageConsumer.Handler
    private let pause: RetryPause
    private let deadline: Deadline

    private var stages: [Stage] {
        switch stage {
        case .classify, .late: [.classify, .late]
        case .file, .relabel: [.file, .relabel]
        case .relay: [.relay]
        }
    }

    private static let redelivered = Metric.Counter(
        "mail_queue_redelivered_total", help: "Mails in hints that the broker gave out again.")
    private static let failures = Metric.Counter(
        "mail_queue_failed_attempts_total", help: "Attempts on single mails that failed.")
    private static let parked = Metric.Counter(
        "mail_queue_parked_total", help: "Mails that were given up at a stage until an operator asks.")

    /// - Parameter pause: between two looks at a storage that is away.
    package init(
        stage: Stage, work: any TryCounter, hints: HintPublisher, logger: Logger, pause: RetryPause = RetryPause(),
        deadline: Deadline = .endsProcess(), handler: @escaping StageConsumer.Handler
    ) {
        self.stage = stage
        self.work = work
        self.hints = hints
        self.logger = logger
        self.pause = pause
        self.deadline = deadline
        self.handler = handler
    }

    /// - Returns: whether the batch is done; `false` when shutdown interrupted it.
    package func process(_ batch: HintBatch) async -> Bool {
        for bad in batch.unreadable {
            logger.warning("a hint was unreadable and is parked", metadata: [LogKey.reason: "\(bad.reason)"])
            hints.parked(ParkedNotice(stage: "\(stage)", mail: nil, reason: bad.reason, payload: bad.payload))
        }
        guard !batch.mails.isEmpty else { return true }
        if batch.isRedelivered { return await processAgain(batch.mails) }
        switch await attemptTogether(batch.mails, isCounted: false) {
        case .done: return true
        case .interrupted: return false
        case .failed: return await attemptEachAlone(batch.mails)
        }
    }

    private func processAgain(_ mails: [MailHint.Entry]) async -> Bool {
        Self.redelivered.increment(by: mails.count)
        let ids = mails.map(\.mail)
        guard let fresh = await patiently({ try await work.beginFirstAttempts(ids, stages) }) else { return false }
        if !fresh.isEmpty {
            switch await attemptTogether(mails.filter { fresh.contains($0.mail) }, isCounted: true) {
            case .done: return await attemptEachAlone(mails.filter { !fresh.contains($0.mail) })
            case .interrupted: return false
            case .failed: break
            }
        }
        return await attemptEachAlone(mails)
    }

    private func attemptEachAlone(_ mails: [MailHint.Entry]) async -> Bool {
        for mail in mails {
            guard await attemptAlone(mail) else { return false }
        }
        return true
    }

    private enum Outcome { case done, failed, interrupted }

    /// - Parameter isCounted: the attempt has been counted, and is taken back if storage was to blame.
    private func attemptTogether(_ mails: [MailHint.Entry], isCounted: Bool) async -> Outcome {
        for _ in 0...Self.storageRetries {
            do {
                try await call(mails, within: deadline.together)
                return .done
            } catch {
                logger.warning(
                    "a batch failed",
                    metadata: [LogKey.stage: "\(stage)", LogKey.count: "\(mails.count)", LogKey.error: "\(error)"])
                let isStorageTrouble = isStorageTrouble(error)
                if isCounted, isStorageTrouble || isInterruption(error) {
                    guard await patiently({ try await work.forgiveAttempt(mails.map(\.mail), stages) }) != nil else {
                        return .interrupted
                    }
                }
                if isInterruption(error) { return .interrupted }
                // One mail may wait for a lock that the others do not need.
                guard isStorageTrouble, !isLockWait(error) else { return .failed }
                guard await waitForStorage() else { return .interrupted }
                if isCounted { return .failed }  // alone from here on, each try counted anew
            }
        }
        return .failed
    }

    /// The handler, watched: when it does not come back in time though storage answers, the process ends.
    private func call(_ mails: [MailHint.Entry], within limit: Duration) async throws {
        try await deadline.watch(limit) {
            await !storageAnswersAtOnce()
        } note: {
            logger.critical(
                "a batch hangs",
                metadata: [LogKey.stage: "\(stage)", LogKey.count: "\(mails.count)", LogKey.seconds: "\(limit)"])
        } over: {
            try await handler(mails)
        }
    }

    private func storageAnswersAtOnce() async -> Bool {
        let start = ContinuousClock.now
        return await work.isReachable() && ContinuousClock.now - start < .seconds(1)
    }

    /// - Returns: `false` when shutdown interrupted it.
    private func attemptAlone(_ entry: MailHint.Entry) async -> Bool {
        for retry in 0...Self.storageRetries {
            let attempt: Int
            switch await patiently({ try await work.beginAttempt(entry.mail, stages) }) {
            case nil: return false
            case .noWork: return true
            case .exhausted: return await park(entry, reason: "the worker ended during the attempt")
            case .begun(let number): attempt = number
            }
            do {
                try await call([entry], within: deadline.alone)
                return true
            } catch {
                let isLockWait = isLockWait(error)
                if isInterruption(error) || isLockWait || isStorageTrouble(error) && retry < Self.storageRetries {
                    guard await patiently({ try await work.forgiveAttempt([entry.mail], stages) }) != nil else {
                        return false
                    }
                    if isInterruption(error) { return false }
                    // However long somebody holds the lock, it is no fault of the mail's: the sweeper brings it again.
                    if isLockWait { return true }
                    guard await waitForStorage() else { return false }
                } else {
                    return await fail(entry, attempt: attempt, reason: "\(error)")
                }
            }
        }
        return true
    }

    private func fail(_ entry: MailHint.Entry, attempt: Int, reason: String) async -> Bool {
        Self.failures.increment()
        logger.warning(
            "an attempt failed",
            metadata: [
                LogKey.mailID: "\(entry.mail)", LogKey.stage: "\(stage)", LogKey.attempts: "\(attempt)",
                LogKey.error: "\(reason)",
            ])
        guard attempt < WorkStore.maximumAttempts else { return await park(entry, reason: reason) }
        // The sweeper brings the mail again when its next hint is due.
        return await patiently { try await work.recordFailure(entry.mail, stages, reason: reason) } != nil
    }

    private func park(_ entry: MailHint.Entry, reason: String) async -> Bool {
        guard let isParked = await patiently({ try await work.park(entry.mail, stages, reason: reason) }) else {
            return false
        }
        if isParked {
            Self.parked.increment()
            logger.error(
                "a mail is parked",
                metadata: [LogKey.mailID: "\(entry.mail)", LogKey.stage: "\(stage)", LogKey.reason: "\(reason)"])
            hints.parked(ParkedNotice(stage: "\(stage)", mail: entry.mail, reason: String(reason.prefix(200))))
        }
        return true
    }

    // MARK: - Storage away

    /// Repeats a request until storage takes it; `nil` at shutdown. Going on without it would lose count of the tries.
    private func patiently<Value: Sendable>(_ request: @Sendable () async throws -> Value) async -> Value? {
        var pause = pause
        while true {
            do {
                return try await request()
            } catch {
                if isInterruption(error) { return nil }
                logger.warning("the tries cannot be counted", metadata: [LogKey.error: "\(error)"])
                guard await pause.wait() else { return nil }
            }
        }
    }

    /// Returns when storage answers; `false` at shutdown. Waits at least once, so that no failure spins.
    private func waitForStorage() async -> Bool {
        var pause = pause
        repeat {
            guard await pause.wait() else { return false }
        } while await !work.isReachable()
        return true
    }

    private func isStorageTrouble(_ error: any Error) -> Bool { (error as? PostgresError)?.isTemporary ?? false }

    /// Somebody holds a lock for longer than we wait (`PostgresConfiguration.lockTimeout`).
    private func isLockWait(_ error: any Error) -> Bool { (error as? PostgresError)?.sqlState == "55P03" }

    private func isInterruption(_ error: any Error) -> Bool { error is CancellationError || Task.isCancelled }
}
