package import Logging
import ServiceKit
import ServiceLifecycle
package import Storage
import Synchronization

/// Keeps the leases of this process alive, and knows which still are.
///
/// A lease is ours for certain until its duration has passed since the moment before it was asked for, by our own
/// clock: the database counts from later. A quarter of the duration after that it is renewed, all in one statement.
package final class LeaseKeeper: Service, Sendable {
    /// The lease ran out or was taken away: nothing more may be done under it.
    package struct Lost: Error {}

    package let holder: String
    package let duration: Duration
    private let store: RelayStore
    private let logger: Logger
    /// Until when each is ours, by fence.
    private let leases = Mutex<[Int64: ContinuousClock.Instant]>([:])

    private static let lost = Metric.Counter("mail_relayd_leases_lost_total", help: "Leases that ran out in use.")

    /// - Parameter holder: a name that no other process has.
    package init(store: RelayStore, holder: String, duration: Duration, logger: Logger) {
        self.store = store
        self.holder = holder
        self.duration = duration
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // A heartbeat. Sleep ends early at shutdown; whoever holds a lease by then gives it back.
                try? await Task.sleep(for: self.duration / 4)
                await self.renewAll()
            }
        }
    }

    package func take(limit: Int, slots: Int, strangers: Int) async throws -> [RelayLease] {
        let asked = ContinuousClock.now
        let taken = try await store.lease(
            holder: holder, limit: limit, slots: slots, strangers: strangers, for: duration)
        leases.withLock { leases in
            for lease in taken { leases[lease.fence] = asked + duration }
        }
        return taken
    }

    package func forget(_ lease: RelayLease) { leases.withLock { $0[lease.fence] = nil } }

    package func isOurs(_ lease: RelayLease) -> Bool {
        leases.withLock { $0[lease.fence].map { $0 > .now } ?? false }
    }

    /// Asked before the final dot: from then on the other host has the mail, so nobody else may begin to send it. What
    /// is left must be half the duration; otherwise the lease is renewed first.
    package func ensure(_ lease: RelayLease) async throws {
        let until = leases.withLock { $0[lease.fence] }
        guard let until, until > .now else { throw Lost() }
        if until - .now > duration / 2 { return }
        try await renew([lease.fence])
        guard isOurs(lease) else { throw Lost() }
    }

    private func renewAll() async {
        let fences = leases.withLock { Array($0.keys) }
        do {
            try await renew(fences)
        } catch {
            logger.warning("leases could not be renewed", metadata: [LogKey.error: "\(error)"])
        }
    }

    private func renew(_ fences: [Int64]) async throws {
        guard !fences.isEmpty else { return }
        let asked = ContinuousClock.now
        let renewed = try await store.renew(fences, holder: holder, for: duration)
        leases.withLock { leases in
            for fence in fences where leases[fence] != nil {
                leases[fence] = renewed.contains(fence) ? asked + duration : nil
                if !renewed.contains(fence) { Self.lost.increment() }
            }
        }
    }
}
