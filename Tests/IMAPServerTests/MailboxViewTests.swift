import IMAPServer
import MailCore
import Storage
import Testing

struct MailboxViewTests {
    private static let key = MailboxKey(account: AccountID(1), mailbox: MailboxID(2))

    private func view(_ uids: [UInt32], modseq: Int64 = 10, flags: MailboxFlags = []) -> MailboxView {
        MailboxView(
            uidValidity: 7, uidNext: Int64(uids.last ?? 0) + 1, modseq: modseq, keywords: MailboxKeywords(), uids: uids,
            flags: uids.map { _ in flags })
    }

    private func delta(
        _ before: Int64, changed: [(UInt32, MailboxFlags)] = [], expunged: [UInt32] = [], uidNext: Int64 = 0
    ) -> MailboxDelta {
        MailboxDelta(
            key: Self.key, before: before, after: before + 1, uidNext: uidNext, keywords: MailboxKeywords(),
            changed: changed.map { .init(uid: $0.0, flags: $0.1) }, expunged: expunged)
    }

    @Test func `new messages come behind the others and flags change in place`() {
        let next = view([1, 3]).applying(delta(10, changed: [(3, .seen), (5, [])], uidNext: 6))
        #expect(next.uids == [1, 3, 5])
        #expect(next.flags == [[], .seen, []])
        #expect(next.uidNext == 6 && next.modseq == 11)
    }

    @Test func `a change of a message that is gone is ignored`() {
        let next = view([1, 3]).applying(delta(10, changed: [(2, .seen)], expunged: [2]))
        #expect(next.uids == [1, 3] && next.flags == [[], []])
        #expect(next.expunges == view([1, 3]).expunges)
    }

    @Test(arguments: [
        ([1], [2, 3, 4, 5], [1]), ([5], [1, 2, 3, 4], [5]), ([1, 3, 5], [2, 4], [1, 2, 3]),
        ([1, 2, 3, 4, 5], [], [1, 1, 1, 1, 1]),
    ])
    func `expunged messages are told by numbers that count what is left`(gone: [UInt32], left: [UInt32], told: [Int]) {
        let old = view([1, 2, 3, 4, 5])
        let next = old.applying(delta(10, expunged: gone))
        #expect(next.uids == left)
        #expect(next.expunges != old.expunges)
        var numbers = old.uids
        let changes = ViewChanges(from: old, to: next)
        for number in changes.expunged { numbers.remove(at: number - 1) }
        #expect(numbers == left)
        #expect(changes.expunged == told)
        #expect(changes.exists == nil && changes.flags.isEmpty)
    }

    @Test func `additions, removals and flags are told together`() {
        let old = view([1, 2, 3])
        let next = old.applying(delta(10, changed: [(3, .flagged), (7, [])], expunged: [2]))
        let changes = ViewChanges(from: old, to: next)
        #expect(changes.expunged == [2] && changes.exists == 3 && changes.flags == [1])
    }

    @Test func `while EXPUNGE may not be told the client keeps its numbers and still sees new flags and messages`() {
        let old = view([1, 2, 3])
        let newest = old.applying(delta(10, changed: [(3, .seen), (9, [])], expunged: [1]))
        let between = old.keepingExpunged(upTo: newest)
        #expect(between.uids == [1, 2, 3, 9])
        #expect(between.flags == [[], [], .seen, []])
        let changes = ViewChanges(from: old, to: between)
        #expect(changes.expunged.isEmpty && changes.exists == 4 && changes.flags == [2])
        // Later the rest is told.
        #expect(between.expunges != newest.expunges)
        #expect(ViewChanges(from: between, to: newest).expunged == [1])
    }

    @Test func `two removals in one step are told apart from the first of them alone`() {
        let old = view([1, 2, 3])
        let first = old.applying(delta(10, expunged: [1]))
        let both = MailboxDelta(
            key: Self.key, before: 10, after: 12, uidNext: 0, keywords: MailboxKeywords(), expunged: [1, 2])
        let newest = old.applying(both)
        #expect(first.keepingExpunged(upTo: newest).uids == [2, 3])
    }

    @Test func `without an expunge the newest version itself is shared`() {
        let old = view([1, 2])
        let newest = old.applying(delta(10, changed: [(2, .seen)]))
        #expect(old.keepingExpunged(upTo: newest).modseq == newest.modseq)
    }

    @Test func `positions, first unseen and recent messages`() {
        let some = view([2, 4, 6], flags: .seen).applying(delta(10, changed: [(8, [])]))
        #expect(some.position(of: 4) == 1 && some.position(of: 5) == nil)
        #expect(some.firstUnseen == 4)
        #expect(some.count(above: 5) == 2 && some.count(above: 8) == 0 && some.count(above: -1) == 4)
        #expect(view([]).firstUnseen == nil && view([]).position(of: 1) == nil)
    }

    /// A model: any order of small deltas gives the same list as replaying them on a dictionary.
    @Test func `random changes agree with a model`() {
        var generator = SplitMix(state: 42)
        for _ in 0..<200 {
            var model: [UInt32: MailboxFlags] = [:]
            var current = view([])
            var nextUID: UInt32 = 1
            for step in 0..<20 {
                let gone = model.keys.filter { _ in generator.next() % 4 == 0 }.sorted()
                for uid in gone { model[uid] = nil }
                var changed: [(UInt32, MailboxFlags)] = []
                for uid in model.keys.sorted() where generator.next() % 3 == 0 {
                    let flags = MailboxFlags(rawValue: Int64(generator.next() % 32))
                    model[uid] = flags
                    changed.append((uid, flags))
                }
                for _ in 0..<Int(generator.next() % 3) {
                    model[nextUID] = []
                    changed.append((nextUID, []))
                    nextUID += 1 + UInt32(generator.next() % 3)
                }
                let next = current.applying(delta(Int64(10 + step), changed: changed, expunged: gone))
                var told = current.uids
                let changes = ViewChanges(from: current, to: next)
                for number in changes.expunged { told.remove(at: number - 1) }
                #expect(next.uids == model.keys.sorted())
                #expect(next.flags == next.uids.map { model[$0] ?? .draft })
                #expect(told == Array(next.uids.prefix(told.count)))
                current = next
            }
        }
    }
}

private struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        return (mixed ^ (mixed >> 27)) >> 7
    }
}
