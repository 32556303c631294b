import DequeModule

/// The messages that were published on a channel in confirm mode and have no answer yet.
///
/// The broker numbers them from 1 in the order of publishing and may answer in any order, for one or for all up to a
/// number (`multiple`). A value without I/O.
package struct ConfirmLedger {
    package enum Outcome: Sendable, Hashable {
        case confirmed, nacked
        /// Mandatory, and no queue was bound; the broker says so before it confirms.
        case returned
    }

    private struct Entry {
        let id: UInt64
        let sentAt: ContinuousClock.Instant
        var isReturned = false
        var isDone = false
    }

    private var entries: Deque<Entry> = []
    /// The delivery tag of the first entry.
    private var firstTag: UInt64 = 1

    package init() {}

    /// Published and unanswered.
    package private(set) var count = 0

    package var isEmpty: Bool { count == 0 }

    /// When the longest unanswered message was published. Entries at the front are never done.
    package var oldest: ContinuousClock.Instant? { entries.first?.sentAt }

    package mutating func published(id: UInt64, at now: ContinuousClock.Instant) {
        entries.append(Entry(id: id, sentAt: now))
        count += 1
    }

    /// Notes that the message with this id came back.
    package mutating func returned(id: UInt64) {
        // The returned message is among the oldest, as the broker handles them in order.
        guard let index = entries.firstIndex(where: { $0.id == id && !$0.isDone }) else { return }
        entries[index].isReturned = true
    }

    /// Answers for `tag`, or for all up to it; a tag we never used is ignored. Tag 0 with `multiple` means all.
    package mutating func answered(tag: UInt64, multiple: Bool, positive: Bool, _ each: (UInt64, Outcome) -> Void) {
        let offset = tag == 0 && multiple ? UInt64(entries.count) : tag &- firstTag &+ 1
        guard let end = Int(exactly: offset), end > 0, end <= entries.count else { return }
        for index in (multiple ? 0 : end - 1)..<end where !entries[index].isDone {
            entries[index].isDone = true
            count -= 1
            let outcome: Outcome = !positive ? .nacked : entries[index].isReturned ? .returned : .confirmed
            each(entries[index].id, outcome)
        }
        while let first = entries.first, first.isDone {
            entries.removeFirst()
            firstTag += 1
        }
    }

    /// Forgets everything (the channel is gone) and names what had no answer.
    package mutating func abandon() -> [UInt64] {
        let open = entries.filter { !$0.isDone }.map(\.id)
        self = ConfirmLedger()
        return open
    }
}
