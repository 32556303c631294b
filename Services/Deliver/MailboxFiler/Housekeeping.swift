package import Logging
import MailCore
package import ServiceKit
import ServiceLifecycle
package import Storage

/// What filerd does now and then: takes away bodies that nobody refers to, ends the wait for verdicts that never came,
/// and keeps the history's partitions.
package struct Housekeeping: Service {
    private let reaper: Reaper
    private let work: WorkStore
    private let partitions: EventPartitions
    private let interval: LiveSetting<Duration>
    private let logger: Logger

    private static let lateBatch = 1000
    private static let reaped = Metric.Counter("mail_filerd_reaped_bodies_total", help: "Bodies deleted.")
    private static let forgotten = Metric.Counter(
        "mail_filerd_reaped_mails_total", help: "Mails whose rows were deleted with their body.")
    private static let droppedDays = Metric.Counter("mail_filerd_dropped_days_total", help: "Days of history dropped.")
    private static let failures = Metric.Counter(
        "mail_filerd_housekeeping_failures_total", help: "Duties that failed; the next round makes up for it.")

    /// - Parameter interval: between rounds; several filerds share the work by locks.
    package init(
        reaper: Reaper, work: WorkStore, partitions: EventPartitions, interval: LiveSetting<Duration>, logger: Logger
    ) {
        self.reaper = reaper
        self.work = work
        self.partitions = partitions
        self.interval = interval
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var partitionsDue: Int64 = 0
            while !Task.isCancelled {
                // Each by itself: one duty's failure must not stop the others.
                await attempt("ending late work") { try await endLate() }
                await attempt("reaping") { try await reap() }
                let now = Timestamp.now().seconds
                if now >= partitionsDue {
                    partitionsDue = now + 3600
                    await attempt("the history's partitions") {
                        guard let days = try await partitions.maintain() else { return }
                        Self.droppedDays.increment(by: days)
                        partitionsDue = (now / 86_400 + 1) * 86_400
                    }
                }
                // On no mail's path. Sleep ends early at shutdown.
                try? await Task.sleep(for: interval.value)
            }
        }
    }

    private func attempt(_ duty: String, _ work: () async throws -> Void) async {
        do {
            try await work()
        } catch {
            Self.failures.increment()
            logger.warning("\(duty) failed; tried again later", metadata: [LogKey.error: "\(error)"])
        }
    }

    private func endLate() async throws {
        while !Task.isCancelled, try await work.endLate(limit: Self.lateBatch) == Self.lateBatch {}
    }

    private func reap() async throws {
        let outcome = try await reaper.reap()
        Self.reaped.increment(by: outcome.bodies)
        Self.forgotten.increment(by: outcome.mails)
        guard outcome.examined > 0 else { return }
        logger.info(
            "reaped",
            metadata: [
                "examined": "\(outcome.examined)", "bodies": "\(outcome.bodies)", "mails": "\(outcome.mails)",
            ])
    }
}
