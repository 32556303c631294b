package import Storage
import Synchronization

/// Rows with summaries that were read before. What a UID stands for never changes, so nothing here is ever stale; whether
/// the message is still there, the view says. Holds the mailboxes that were used last.
package final class SummaryCache: Sendable {
    /// A mailbox; one that took the name of another has another key.
    package struct Place: Hashable, Sendable {
        let key: MailboxKey
        let uidValidity: UInt32

        package init(key: MailboxKey, uidValidity: UInt32) {
            self.key = key
            self.uidValidity = uidValidity
        }
    }

    private struct Shelf {
        /// Of an empty one, about.
        static let cost = 512
        var rows: [UInt32: MessageStore.Row] = [:]
        var cost = Self.cost
        var lastUse: UInt64 = 0
    }

    private struct State {
        var shelves: [Place: Shelf] = [:]
        var cost = 0
        var clock: UInt64 = 0

        /// Lets go of the mailboxes that were not used for longest, but not of `place`: of many at once, so that it is rare.
        mutating func makeRoom(below limit: Int, beside place: Place) {
            let others = shelves.filter { $0.key != place }.sorted { $0.value.lastUse < $1.value.lastUse }
            for (oldest, shelf) in others where cost > limit {
                cost -= shelf.cost
                shelves[oldest] = nil
            }
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: in bytes.
    package init(limit: Int = 32 * 1024 * 1024) { self.limit = limit }

    /// The rows of all of `uids`; nil if one is not known, or not so well.
    package func rows(
        _ uids: [UInt32], _ columns: MessageStore.Columns, of place: Place
    ) -> [MessageStore.Row]? {
        state.withLock { state in
            guard let known = state.shelves[place]?.rows else { return nil }
            state.clock += 1
            state.shelves[place]?.lastUse = state.clock
            var rows: [MessageStore.Row] = []
            rows.reserveCapacity(uids.count)
            for uid in uids {
                guard let row = known[uid], row.body != nil || !columns.contains(.place) else { return nil }
                rows.append(row)
            }
            return rows
        }
    }

    /// Takes rows that were read with their summaries, and perhaps with their places, while there is room. Large ones are
    /// read alone each time, so that what is given out at once stays small.
    package func keep(_ rows: [MessageStore.Row], of place: Place) {
        guard !rows.isEmpty else { return }
        state.withLock { state in
            state.clock += 1
            if state.shelves[place] == nil { state.cost += Shelf.cost }
            state.shelves[place, default: Shelf()].lastUse = state.clock
            for row in rows where row.summary.count <= MessageStore.smallSummary {
                let known = state.shelves[place]?.rows[row.uid]
                if known?.body != nil, row.body == nil { continue }
                let cost = row.cost - (known?.cost ?? 0)
                if state.cost + cost > limit { state.makeRoom(below: limit * 3 / 4, beside: place) }
                guard state.cost + cost <= limit else { return }
                state.shelves[place]?.rows[row.uid] = row
                state.shelves[place]?.cost += cost
                state.cost += cost
            }
        }
    }
}

extension MessageStore.Row {
    /// Bytes that keeping it takes, about.
    fileprivate var cost: Int { 192 + prefix.count + summary.count }
}

/// Reads the rows of one session's version of a mailbox, those with summaries only once.
struct RowReader: Sendable {
    let messages: MessageStore
    let cache: SummaryCache
    let mailbox: WatchedMailbox
    let view: MailboxView

    /// Like `MessageStore.rows`.
    nonisolated(nonsending) func rows(
        _ runs: UIDRuns, _ columns: MessageStore.Columns
    ) async throws -> (rows: [MessageStore.Row], rest: UIDRuns) {
        let place = SummaryCache.Place(key: mailbox.key, uidValidity: view.uidValidity)
        let isKept = columns.isSubset(of: [.place, .summary])
        // After an EXPUNGE by another session the database says what is left.
        if isKept, mailbox.view.expunges == view.expunges,
            let rows = cache.rows(view.uids(in: runs), columns, of: place)
        {
            return (rows, UIDRuns())
        }
        let read = try await messages.rows(mailbox.key, runs, columns)
        if isKept, columns.contains(.summary) { cache.keep(read.rows, of: place) }
        return read
    }
}
