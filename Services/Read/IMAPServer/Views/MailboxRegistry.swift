import PostgreSQL
package import QueueContracts
package import Storage
import Synchronization

/// The mailboxes that this process watches or remembers, so that sessions share one copy and a warm SELECT asks the
/// database for one row. What it holds is a cache: the database decides, by modseq.
package final class MailboxRegistry: Sendable {
    /// Bytes of versions that are kept although no session has them selected.
    private static let keptBytes = 16 * 1024 * 1024
    private static let mailboxesPerQuery = 64

    private let store: MailboxStore
    private let state = Mutex(State())

    private struct State {
        var mailboxes: [MailboxKey: WatchedMailbox] = [:]
        var clock: UInt64 = 0
        var closed: UInt64 = 0
    }

    package init(store: MailboxStore) { self.store = store }

    // MARK: - Sessions

    /// The mailbox for one more session, not older than `record`; `nil` if it is gone. Pair with `close`.
    package func open(_ record: MailboxRecord) async throws -> WatchedMailbox? {
        if let known = join(record) {
            do {
                if try await refresh(known, atLeast: record.modseq) { return known }
            } catch {
                close(known)
                throw error
            }
            close(known)
            return nil
        }
        guard let snapshot = try await store.snapshot(record.key) else { return nil }
        let fresh = WatchedMailbox(key: record.key, view: MailboxView(snapshot))
        return enterOrJoin(fresh)
    }

    package func close(_ mailbox: WatchedMailbox) {
        mailbox.leave()
        let isDue = state.withLock { state in
            state.closed += 1
            return state.closed % 64 == 0
        }
        if isDue || mailbox.cost > 65_536 { dropUnused() }
    }

    /// Brings the newest version up to at least `modseq`; false if the mailbox is gone.
    package func refresh(_ mailbox: WatchedMailbox, atLeast modseq: Int64) async throws -> Bool {
        let base = mailbox.view
        guard base.modseq < modseq else { return !mailbox.isGone }
        return try await look(mailbox, base)
    }

    /// Asks the database whatever we believe; false if the mailbox is gone.
    package func refresh(_ mailbox: WatchedMailbox) async throws -> Bool {
        try await look(mailbox, mailbox.view)
    }

    private func look(_ mailbox: WatchedMailbox, _ base: MailboxView) async throws -> Bool {
        if mailbox.isGone { return false }
        return take(try await store.changes(mailbox.key, since: base.modseq), mailbox, base)
    }

    /// Brings mailboxes of which more is known to have happened up to date, many with one query. What fails holds up
    /// no other; the last failure is thrown at the end.
    package func refresh(_ behind: [WatchedMailbox]) async throws {
        var failure: (any Error)?
        for start in stride(from: 0, to: behind.count, by: Self.mailboxesPerQuery) {
            let part = behind[start..<min(start + Self.mailboxesPerQuery, behind.count)].filter { !$0.isGone }
            do {
                try await lookTogether(part)
            } catch {
                failure = error
                // A query that the server refused may be one mailbox's fault; a server that is away is none's.
                guard part.count > 1, (error as? PostgresError)?.sqlState != nil else { continue }
                for mailbox in part {
                    do { _ = try await refresh(mailbox) } catch { failure = error }
                }
            }
        }
        if let failure { throw failure }
    }

    private func lookTogether(_ part: [WatchedMailbox]) async throws {
        let bases = part.map(\.view)
        let refreshes = try await store.changes(zip(part, bases).map { ($0.key, $1.modseq) })
        for (index, refresh) in refreshes.enumerated() { _ = take(refresh, part[index], bases[index]) }
    }

    private func take(_ refresh: MailboxRefresh?, _ mailbox: WatchedMailbox, _ base: MailboxView) -> Bool {
        guard let refresh, refresh.uidValidity == base.uidValidity else {
            forget(mailbox)
            return false
        }
        if !refresh.delta.isEmpty { mailbox.install(base.applying(refresh.delta)) }
        return true
    }

    // MARK: - Changes

    /// Takes what a transaction of this process did, or saw under the lock when it did nothing. Views of other sessions
    /// advance, sleepers wake.
    package func apply(_ deltas: [MailboxDelta]) async throws {
        for delta in deltas {
            guard let known = find(delta.key), !known.apply(delta) else { continue }
            _ = try await refresh(known, atLeast: delta.after)
        }
    }

    /// A mailbox was deleted by this process.
    package func vanished(_ key: MailboxKey) {
        if let known = find(key) { forget(known) }
    }

    /// What a hint of the bus means for us: watched mailboxes that are behind it.
    package func behind(_ hints: [MailboxChanged.Mailbox]) -> [WatchedMailbox] {
        var newest: [MailboxKey: Int64] = [:]
        for hint in hints {
            newest[MailboxKey(account: hint.account, mailbox: hint.mailbox), default: 0].raise(to: hint.modseq)
        }
        return newest.compactMap { key, modseq in
            guard let known = find(key), known.isSelected, known.modseq < modseq else { return nil }
            return known
        }
    }

    /// One query for all watched mailboxes: which changed while no hint could reach us.
    package func recheck() async throws {
        let watched = state.withLock { $0.mailboxes.values.filter(\.isSelected) }
        for slice in stride(from: 0, to: watched.count, by: 5000) {
            let part = watched[slice..<min(slice + 5000, watched.count)]
            let modseqs = try await store.modseqs(part.map(\.key))
            for mailbox in part where modseqs[mailbox.key] == nil { forget(mailbox) }
            try await refresh(part.filter { mailbox in modseqs[mailbox.key].map { mailbox.modseq < $0 } ?? false })
        }
    }

    // MARK: - The map

    private func find(_ key: MailboxKey) -> WatchedMailbox? { state.withLock { $0.mailboxes[key] } }

    /// Counts the session in before the database is asked, so that the mailbox cannot be dropped meanwhile.
    private func join(_ record: MailboxRecord) -> WatchedMailbox? {
        state.withLock { state in
            guard let known = state.mailboxes[record.key], !known.isGone, known.view.uidValidity == record.uidValidity
            else { return nil }
            state.clock += 1
            known.enter(at: state.clock)
            return known
        }
    }

    private func enterOrJoin(_ fresh: WatchedMailbox) -> WatchedMailbox {
        state.withLock { state in
            state.clock += 1
            if let other = state.mailboxes[fresh.key], !other.isGone, other.view.uidValidity == fresh.view.uidValidity {
                other.install(fresh.view)
                other.enter(at: state.clock)
                return other
            }
            state.mailboxes[fresh.key] = fresh
            fresh.enter(at: state.clock)
            return fresh
        }
    }

    private func forget(_ mailbox: WatchedMailbox) {
        state.withLock { state in
            if state.mailboxes[mailbox.key] === mailbox { state.mailboxes[mailbox.key] = nil }
        }
        mailbox.vanish()
    }

    /// Keeps the most recently used of the unselected versions, up to `keptBytes`.
    private func dropUnused() {
        state.withLock { state in
            let unused = state.mailboxes.values.filter { !$0.isSelected }.sorted { $0.lastUse > $1.lastUse }
            var kept = 0
            for mailbox in unused {
                kept += mailbox.cost
                if kept > Self.keptBytes { state.mailboxes[mailbox.key] = nil }
            }
        }
    }
}

extension Int64 {
    fileprivate mutating func raise(to other: Int64) { self = Swift.max(self, other) }
}
