package import Logging
package import MailCore
import PostgreSQL
import QueueContracts
import ServiceKit
import ServiceLifecycle
import Storage

/// Does the work of one batch of hints, and finds the mail that spoils it.
///
/// All together first. When that fails, or the broker has given the hints out before (whoever had them may have died of
/// one), one by one: each mail's attempt is counted and committed before it is made, and the fifth failure parks the mail.
/// While storage is away nothing is counted and nothing moves on.
package struct BatchProcessor: Sendable {
    /// So often a batch is repeated as a whole after storage failed it and answered again; a mail that brings storage down
    /// must not do so for ever.
    private static let storageRetries = 3

    private let stage: Stage
    private let work: any TryCounter
    private let hints: HintPublisher
    private let logger: Logger
    private let handler: StageConsumer.Handler
    private let pause: RetryPause

    private var stages: [Stage] { stage == .classify ? [.classify, .late] : [.file, .relabel] }

    private static let redelivered = Metric.Counter(
        "mail_queue_redelivered_total", help: "Mails in hints that the broker gave out again.")
    private static let failures = Metric.Counter(
        "mail_queue_failed_attempts_total", help: "Attempts on single mails that failed.")

    /// - Parameter pause: between two looks at a storage that is away.
    package init(
        stage: Stage, work: any TryCounter, hints: HintPublisher, logger: Logger, pause: RetryPause = RetryPause(),
        handler: @escaping StageConsumer.Handler
    ) {
        self.stage = stage
        self.work = work
        self.hints = hints
        self.logger = logger
        self.pause = pause
        self.handler = handler
    }

    /// - Returns: whether the batch is done; `false` when shutdown interrupted it.
    package func process(_ batch: HintBatch) async -> Bool {
        for bad in batch.unreadable {
            logger.warning("a hint was unreadable and is parked", metadata: [LogKey.reason: "\(bad.reason)"])
            hints.parked(ParkedNotice(stage: "\(stage)", mail: nil, reason: bad.reason, payload: bad.payload))
        }
        guard !batch.mails.isEmpty else { return true }
        if batch.isRedelivered {
            Self.redelivered.increment(by: batch.mails.count)
        } else {
            switch await attemptTogether(batch.mails) {
            case .done: return true
            case .interrupted: return false
            case .failed: break
            }
        }
        for mail in batch.mails {
            guard await attemptAlone(mail) else { return false }
        }
        return true
    }

    private enum Outcome { case done, failed, interrupted }

    private func attemptTogether(_ mails: [MailHint.Entry]) async -> Outcome {
        for _ in 0...Self.storageRetries {
            do {
                try await handler(mails)
                return .done
            } catch {
                if isInterruption(error) { return .interrupted }
                logger.warning(
                    "a batch failed",
                    metadata: [LogKey.stage: "\(stage)", LogKey.count: "\(mails.count)", LogKey.error: "\(error)"])
                guard isStorageTrouble(error) else { return .failed }
                guard await waitForStorage() else { return .interrupted }
            }
        }
        return .failed
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
                try await handler([entry])
                return true
            } catch {
                if isInterruption(error) || isStorageTrouble(error) && retry < Self.storageRetries {
                    guard await patiently({ try await work.forgiveAttempt(entry.mail, stages) }) != nil else { return false }
                    if isInterruption(error) { return false }
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
        guard let isParked = await patiently({ try await work.park(entry.mail, stages, reason: reason) }) else { return false }
        if isParked {
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

    private func isInterruption(_ error: any Error) -> Bool { error is CancellationError || Task.isCancelled }
}
