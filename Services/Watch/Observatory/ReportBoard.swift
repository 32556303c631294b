package import MailQueue
import Synchronization

/// The last report of every process, and when it came.
package final class ReportBoard: Sendable {
    package struct Entry: Sendable {
        package let report: DaemonReport
        package let receivedAt: ContinuousClock.Instant
    }

    private struct Key: Hashable {
        let daemon: String
        let instance: String
    }

    /// Reports older than this are of a process that has gone.
    package static let lifetime: Duration = .seconds(30)
    /// Reports come every 5 s; after this one has missed two, the daemon does not count as ready.
    package static let freshness: Duration = .seconds(12)
    /// More processes than this are not kept: the bus is ours, but a fault must not eat memory.
    private static let maximumEntries = 1000

    private let entries = Mutex<[Key: Entry]>([:])

    package init() {}

    package func put(_ report: DaemonReport, at now: ContinuousClock.Instant = .now) {
        let key = Key(daemon: report.daemon, instance: report.instance)
        entries.withLock { entries in
            entries = entries.filter { now - $0.value.receivedAt < Self.lifetime }
            guard entries[key] != nil || entries.count < Self.maximumEntries else { return }
            entries[key] = Entry(report: report, receivedAt: now)
        }
    }

    /// By daemon and instance.
    package func current(at now: ContinuousClock.Instant = .now) -> [Entry] {
        entries.withLock { entries in entries.values.filter { now - $0.receivedAt < Self.lifetime } }
            .sorted { ($0.report.daemon, $0.report.instance) < ($1.report.daemon, $1.report.instance) }
    }

    /// Why no process of this daemon does its duty; `nil` if one does.
    package func reasonNotReady(_ daemon: String, at now: ContinuousClock.Instant = .now) -> String? {
        let fresh = current(at: now).filter { $0.report.daemon == daemon && now - $0.receivedAt <= Self.freshness }
        if fresh.contains(where: \.report.ready) { return nil }
        guard let last = fresh.first else { return "\(daemon) has not reported in the last 12 seconds" }
        return "\(daemon) is not ready: \(last.report.reasons.joined(separator: ", "))"
    }
}
