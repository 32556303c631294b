package import Logging
import ServiceKit
import ServiceLifecycle
package import Storage

/// What filerd does now and then: takes away bodies that nobody refers to, and keeps the history's partitions.
package struct Housekeeping: Service {
    private let reaper: Reaper
    private let partitions: EventPartitions
    private let interval: Duration
    private let logger: Logger

    private static let reaped = Metric.Counter("mail_filerd_reaped_bodies_total", help: "Bodies deleted.")
    private static let forgotten = Metric.Counter(
        "mail_filerd_reaped_mails_total", help: "Mails whose rows were deleted with their body.")
    private static let droppedDays = Metric.Counter("mail_filerd_dropped_days_total", help: "Days of history dropped.")
    private static let failures = Metric.Counter(
        "mail_filerd_housekeeping_failures_total", help: "Rounds that failed; the next one makes up for it.")

    /// - Parameter interval: between rounds; several filerds share the work by locks.
    package init(reaper: Reaper, partitions: EventPartitions, interval: Duration, logger: Logger) {
        self.reaper = reaper
        self.partitions = partitions
        self.interval = interval
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await round()
                // On no mail's path. Sleep ends early at shutdown.
                try? await Task.sleep(for: interval)
            }
        }
    }

    private func round() async {
        do {
            if let days = try await partitions.maintain() { Self.droppedDays.increment(by: days) }
            let outcome = try await reaper.reap()
            Self.reaped.increment(by: outcome.bodies)
            Self.forgotten.increment(by: outcome.mails)
            guard outcome.examined > 0 else { return }
            logger.info(
                "reaped",
                metadata: [
                    "examined": "\(outcome.examined)", "bodies": "\(outcome.bodies)", "mails": "\(outcome.mails)",
                ])
        } catch {
            Self.failures.increment()
            logger.warning("housekeeping failed; tried again later", metadata: [LogKey.error: "\(error)"])
        }
    }
}
