package import Logging
import MailCore
package import MailQueue
package import QueueContracts
import ServiceKit
package import Storage

/// The work of filerd: takes the mails of a batch of hints and files what is unfinished of them.
package struct MailboxFiler: Sendable {
    private let store: FilingStore
    private let hints: HintPublisher
    private let logger: Logger

    private static let filed = Metric.Counter("mail_filerd_filed_total", help: "Copies put into a mailbox.")
    private static let discarded = Metric.Counter(
        "mail_filerd_discarded_total", help: "Copies of accounts that were gone.")
    private static let relabelled = Metric.Counter(
        "mail_filerd_relabelled_total", help: "Mails whose verdict came after filing.")
    private static let repeated = Metric.Counter(
        "mail_filerd_idle_batches_total", help: "Batches of hints without work: late or doubled ones.")
    private static let failures = Metric.Counter(
        "mail_filerd_failed_batches_total", help: "Batches that were rolled back and will be tried again.")
    private static let batchSize = Metric.Histogram(
        "mail_filerd_batch_mails", help: "Mails in one transaction.", scale: .count)
    private static let duration = Metric.Histogram(
        "mail_filerd_batch_seconds", help: "Time of one filing transaction, commit included.")

    package init(store: FilingStore, hints: HintPublisher, logger: Logger) {
        self.store = store
        self.hints = hints
        self.logger = logger
    }

    /// Returns when everything is committed; the hints may be acknowledged then.
    package func file(_ entries: [MailHint.Entry]) async throws {
        let mails = Set(entries.map(\.mail)).sorted()
        guard !mails.isEmpty else { return }
        let start = ContinuousClock.now
        let outcome: FilingOutcome
        do {
            outcome = try await store.file(mails, decide: FilingRules.decide) { hints.mailboxChanged($0.changed) }
        } catch {
            Self.failures.increment()
            throw error
        }
        Self.duration.observe(ContinuousClock.now - start)
        Self.batchSize.observe(count: mails.count)
        Self.filed.increment(by: outcome.filed)
        Self.discarded.increment(by: outcome.discarded)
        Self.relabelled.increment(by: outcome.relabelled)
        if outcome.isEmpty { Self.repeated.increment() }
        logger.debug(
            "filed",
            metadata: [
                LogKey.count: "\(outcome.filed)", "discarded": "\(outcome.discarded)", "hinted": "\(mails.count)",
            ])
    }
}
