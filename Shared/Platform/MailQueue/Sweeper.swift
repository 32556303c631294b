package import AMQP
package import Logging
import MailCore
package import QueueContracts
import ServiceKit
import ServiceLifecycle
package import Storage

/// Repeats hints that got lost and lets mails go on whose verdict does not come.
///
/// Runs in every filerd; an advisory lock lets one work at a time. It looks about once a second while something waits
/// and every 5 s otherwise, and claims nothing while the broker is away: an hour without it must not put off the next
/// hint.
package struct Sweeper: Service {
    /// What the sweeper asks the broker.
    package struct Broker: Sendable {
        /// Since when the broker is there; `nil` while it is not.
        package var connectedSince: @Sendable () -> ContinuousClock.Instant?
        /// Hints and consumers of a queue; `nil` when it cannot be known.
        package var depth: @Sendable (Queue) async -> AMQPQueueDepth?

        package init(
            connectedSince: @escaping @Sendable () -> ContinuousClock.Instant?,
            depth: @escaping @Sendable (Queue) async -> AMQPQueueDepth?
        ) {
            self.connectedSince = connectedSince
            self.depth = depth
        }

        package init(publisher: AMQPPublisher, admin: AMQPAdmin, queueType: QueueType) {
            // A broker with an alarm takes no hints: as good as away.
            connectedSince = { publisher.statistics.isBlocked ? nil : publisher.connectedSince }
            depth = { queue in
                // Not to know is an answer here; the publisher reports that the broker is away.
                try? await admin.depth(ofQueue: queueType.name(of: queue))
            }
        }
    }

    private let work: WorkStore
    private let hints: HintPublisher
    private let broker: Broker
    private let logger: Logger

    private static let repeated = Metric.Counter(
        "mail_sweeper_hints_total", help: "Mails whose stage was told again.")
    private static let failedOpen = Metric.Counter(
        "mail_sweeper_failed_open_total", help: "Mails that went on without a verdict.")
    private static let failures = Metric.Counter("mail_sweeper_failures_total", help: "Passes that storage failed.")

    package init(work: WorkStore, hints: HintPublisher, broker: Broker, logger: Logger) {
        self.work = work
        self.hints = hints
        self.broker = broker
        self.logger = logger
    }

    package func run() async throws {
        var rule = FailOpenRule()
        var pause = RetryPause()
        var wait = SweepPlan.busy
        while await sleepUnlessShutdown(for: wait) {
            do {
                wait = try await pass(&rule)
                pause = RetryPause()
            } catch {
                Self.failures.increment()
                logger.warning("a sweep failed", metadata: [LogKey.error: "\(error)"])
                guard await pause.wait() else { return }
            }
        }
    }

    /// One look at everything. Returns how long until the next.
    package func pass(_ rule: inout FailOpenRule) async throws -> Duration {
        guard let since = broker.connectedSince() else { return SweepPlan.busy }
        let outlook = try await work.outlook(watching: FailOpenRule.watched)
        let plan = SweepPlan(outlook: outlook)
        rule.observe(outlook.oldestUnclassified, at: .now)
        for stage in plan.dueStages { try await tell(stage) }
        if plan.asksForConsumers {
            let consumers = await broker.depth(.classify)?.consumers
            try await failOpen(
                &rule, olderThan: rule.threshold(consumers: consumers, brokerSince: since, at: .now))
        }
        return plan.sleep
    }

    /// Claims and tells until nothing is due or the stage's queue is deep.
    private func tell(_ stage: Stage) async throws {
        let queue: Queue =
            switch stage {
            case .classify, .late: .classify
            case .file, .relabel: .file
            case .relay: .relay
            }
        while SweepPlan.tells(messages: await broker.depth(queue)?.messages), broker.connectedSince() != nil {
            guard let due = try await work.claimDue(stage, limit: SweepPlan.claim), !due.isEmpty else { return }
            hints.announce(stage, due.map(MailHint.Entry.init))
            Self.repeated.increment(by: due.count)
            logger.info("told again", metadata: [LogKey.stage: "\(stage)", LogKey.count: "\(due.count)"])
            if due.count < SweepPlan.claim { return }
        }
    }

    private func failOpen(_ rule: inout FailOpenRule, olderThan threshold: Duration?) async throws {
        while let promoted = try await work.failOpen(olderThan: threshold, limit: MailHint.maximumEntries) {
            guard !promoted.isEmpty else { return }
            rule.promoted(promoted.map(\.mail))
            hints.announce(.file, promoted.map(MailHint.Entry.init))
            hints.announce(.relay, promoted.filter(\.hasForeignCopies).map(MailHint.Entry.init))
            Self.failedOpen.increment(by: promoted.count)
            logger.warning("mails go on without a verdict", metadata: [LogKey.count: "\(promoted.count)"])
            if promoted.count < MailHint.maximumEntries { return }
        }
    }
}

extension MailHint.Entry {
    init(_ due: WorkStore.DueMail) { self.init(mail: due.mail, traceparent: due.traceparent) }
}
