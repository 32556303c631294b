import IMAPServer
import MailCore
import Storage
import Testing

struct SummaryCacheTests {
    private func place(_ mailbox: Int64, uidValidity: UInt32 = 1) -> SummaryCache.Place {
        .init(key: MailboxKey(account: AccountID(1), mailbox: MailboxID(mailbox)), uidValidity: uidValidity)
    }

    private func rows(_ uids: ClosedRange<UInt32>, body: BodyID? = nil, bytes: Int = 100) -> [MessageStore.Row] {
        uids.map { uid in
            MessageStore.Row(
                uid: uid, size: Int(uid), internalDate: Timestamp(seconds: 0), body: body,
                summary: [UInt8](repeating: UInt8(truncatingIfNeeded: uid), count: bytes))
        }
    }

    @Test func `all rows that are asked for come, or none`() {
        let cache = SummaryCache()
        cache.keep(rows(1...3), of: place(1))
        #expect(cache.rows([1, 3], .summary, of: place(1))?.map(\.summary[0]) == [1, 3])
        #expect(cache.rows([1, 4], .summary, of: place(1)) == nil)
        #expect(cache.rows([1], .summary, of: place(2)) == nil)
        #expect(cache.rows([1], .summary, of: place(1, uidValidity: 2)) == nil)
    }

    @Test func `a row without its place is none where the place is wanted, until it is read with it`() {
        let cache = SummaryCache()
        cache.keep(rows(1...2), of: place(1))
        #expect(cache.rows([2], [.place, .summary], of: place(1)) == nil)
        cache.keep(rows(2...2, body: .next()), of: place(1))
        #expect(cache.rows([2], [.place, .summary], of: place(1))?.count == 1)
        #expect(cache.rows([1, 2], .summary, of: place(1))?.count == 2)
        cache.keep(rows(2...2), of: place(1))
        #expect(cache.rows([2], [.place, .summary], of: place(1))?.count == 1)
    }

    @Test func `large rows are not kept, so that a batch of them is never given out at once`() {
        let cache = SummaryCache()
        cache.keep(rows(1...1) + rows(2...2, bytes: MessageStore.smallSummary + 1), of: place(1))
        #expect(cache.rows([1], .summary, of: place(1)) != nil)
        #expect(cache.rows([2], .summary, of: place(1)) == nil)
    }

    @Test func `what was not used for longest makes room, and a mailbox that is too large is kept in part`() {
        let cache = SummaryCache(limit: 5000)
        for mailbox in 1...3 { cache.keep(rows(1...1, bytes: 700), of: place(Int64(mailbox))) }
        #expect(cache.rows([1], .summary, of: place(1)) != nil)
        cache.keep(rows(1...1, bytes: 700), of: place(4))
        #expect([1, 2, 3, 4].map { cache.rows([1], .summary, of: place($0)) != nil } == [true, false, true, true])
        // The same again takes no more room.
        for _ in 0..<9 { cache.keep(rows(1...1, bytes: 700), of: place(4)) }
        #expect([1, 3, 4].allSatisfy { cache.rows([1], .summary, of: place($0)) != nil })
        cache.keep(rows(1...9, bytes: 700), of: place(5))
        #expect([1, 3, 4].allSatisfy { cache.rows([1], .summary, of: place($0)) == nil })
        #expect((1...9).map { cache.rows([UInt32($0)], .summary, of: place(5)) != nil }.count(where: \.self) == 5)
    }
}
