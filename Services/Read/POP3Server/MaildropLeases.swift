package import Logging
package import MailCore
import ServiceKit
import ServiceLifecycle
package import Storage
import Synchronization

/// The leases of this process's sessions, renewed by one statement for all of them.
///
/// A lease that cannot be renewed ends nothing here: what counts is whether it is still ours at QUIT.
package final class MaildropLeases: Service, Sendable {
    private let store: MaildropStore
    private let holder: String
    private let logger: Logger
    private let held = Mutex<Set<MaildropLease>>([])

    /// - Parameter holder: how this process is called in the table.
    package init(store: MaildropStore, holder: String, logger: Logger) {
        self.store = store
        self.holder = holder
        self.logger = logger
    }

    /// Keeps the leases three times as often as they need it.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // Sleep ends early at shutdown.
                try? await Task.sleep(for: self.store.leaseLength / 3)
                await self.renew()
            }
        }
    }

    package func renew() async {
        do {
            try await store.renew(held.withLock { Array($0) })
        } catch {
            logger.info("leases not renewed", metadata: [LogKey.error: "\(type(of: error))"])
        }
    }

    package func open(_ account: AccountID) async throws -> MaildropStore.Opening {
        let opening = try await store.open(account, holder: holder)
        if case .opened(_, let lease) = opening { held.withLock { _ = $0.insert(lease) } }
        return opening
    }

    /// Removes messages and gives the lease back, if it is still ours.
    /// - Parameter onRemoved: told of each transaction by itself, because a later one may fail.
    /// - Returns: whether it was ours to the end.
    package func remove(
        _ runs: UIDRuns, from key: MailboxKey, under lease: MaildropLease,
        onRemoved: (MailboxDelta) async -> Void
    ) async throws -> Bool {
        while true {
            switch try await store.remove(runs, from: key, under: lease) {
            case .partly(let delta): await onRemoved(delta)
            case .removed(let delta):
                held.withLock { _ = $0.remove(lease) }
                if let delta { await onRemoved(delta) }
                return true
            case .leaseLost:
                held.withLock { _ = $0.remove(lease) }
                return false
            }
        }
    }

    /// Another session may open the maildrop at once; if the database cannot be told, when the lease has run out.
    package func giveBack(_ lease: MaildropLease) async {
        guard held.withLock({ $0.remove(lease) }) != nil else { return }
        do {
            try await store.giveBack(lease)
        } catch {
            logger.info("lease not given back", metadata: [LogKey.error: "\(type(of: error))"])
        }
    }
}
