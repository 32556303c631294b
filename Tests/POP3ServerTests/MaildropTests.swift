import MailCore
import POP3Server
import Storage
import Testing

@Suite struct MaildropTests {
    private func snapshot(_ sizes: [Int], uids: [UInt32]? = nil) -> MaildropSnapshot {
        let uids = uids ?? sizes.indices.map { UInt32($0 + 1) }
        return MaildropSnapshot(
            key: MailboxKey(account: AccountID(1), mailbox: MailboxID(2)), uidValidity: 4_294_967_295,
            messages: zip(uids, sizes).map { .init(uid: $0, size: $1) })
    }

    @Test func `marks change the counts once, and back`() {
        var maildrop = Maildrop(snapshot([10, 20, 30]))
        maildrop.mark(1)
        maildrop.mark(1)
        #expect(maildrop.count == 2 && maildrop.octets == 40)
        #expect(maildrop.index(ofNumber: 2) == nil && maildrop.index(ofNumber: 3) == 2)
        #expect(maildrop.index(ofNumber: 0) == nil && maildrop.index(ofNumber: 4) == nil)
        maildrop.unmarkAll()
        #expect(maildrop.count == 3 && maildrop.octets == 60 && maildrop.marked.isEmpty)
    }

    @Test func `runs of marks over gaps and at the last UID there is`() {
        var maildrop = Maildrop(snapshot([1, 1, 1, 1], uids: [1, 5, 9, 4_294_967_295]))
        for index in [0, 1, 3] { maildrop.mark(index) }
        #expect(maildrop.marked.ranges == [1...5, 4_294_967_295...4_294_967_295])
        maildrop.mark(2)
        #expect(maildrop.marked.ranges == [1...4_294_967_295])
    }

    /// RFC 1939 7: 1 to 70 characters from 0x21 to 0x7E.
    @Test func `the longest unique-id is one that RFC 1939 allows`() {
        let id = Maildrop(snapshot([1], uids: [4_294_967_295])).uniqueID(of: 0)
        #expect(id == "4294967295.4294967295" && id.utf8.count <= 70 && id.utf8.allSatisfy { 0x21...0x7E ~= $0 })
    }

    @Test(arguments: [0, 1, 1023, 1024, 1025, 3000])
    func `a listing comes in pieces and is whole`(_ count: Int) {
        var maildrop = Maildrop(snapshot(Array(repeating: 7, count: count)))
        if count > 1 { maildrop.mark(1) }
        for kind in [MaildropListing.Kind.sizes, .uniqueIDs] {
            var listing = MaildropListing(maildrop, kind)
            var text = ""
            while let piece = listing.nextPiece() {
                #expect(piece.count < 64 * 1024)
                text += String(decoding: piece, as: UTF8.self)
            }
            let lines = text.split(separator: "\r\n")
            #expect(lines.count == maildrop.count + 2 && lines.last == "." && lines.first?.hasPrefix("+OK ") == true)
            #expect(!text.contains("\r\n2 "))
        }
    }
}

@Suite struct ReadAheadTests {
    private func snapshot(_ sizes: [Int]) -> MaildropSnapshot {
        MaildropSnapshot(
            key: MailboxKey(account: AccountID(1), mailbox: MailboxID(2)), uidValidity: 1,
            messages: sizes.enumerated().map { .init(uid: UInt32($0.offset + 1), size: $0.element) })
    }

    @Test func `one message after the other gets ever more with each query`() {
        let snapshot = snapshot(Array(repeating: 1000, count: 300))
        var readAhead = ReadAhead()
        var spans: [Int] = []
        var next = 0
        while next < 300 {
            let span = readAhead.span(from: next, in: snapshot)
            #expect(span.lowerBound == next)
            spans.append(span.count)
            next = span.upperBound
        }
        #expect(spans == [1, 2, 4, 8, 16, 32, 64, 64, 64, 45])
    }

    @Test func `who jumps gets what is asked for`() {
        let snapshot = snapshot(Array(repeating: 1000, count: 100))
        var readAhead = ReadAhead()
        for index in [50, 3, 99, 0, 2, 98] { #expect(readAhead.span(from: index, in: snapshot).count == 1) }
        #expect(readAhead.span(from: 99, in: snapshot) == 99..<100)
    }

    @Test func `never more octets than one query may bring, unless a single message has them`() {
        let half = ReadAhead.maximumOctets / 2
        let snapshot = snapshot([1, 1, half, half, half, 50_000_000, 1, 1])
        var readAhead = ReadAhead()
        var next = 0
        while next < 8 {
            let span = readAhead.span(from: next, in: snapshot)
            let octets = snapshot.messages[span].reduce(0) { $0 + $1.size }
            #expect(span.count == 1 || octets <= ReadAhead.maximumOctets)
            next = span.upperBound
        }
    }
}
