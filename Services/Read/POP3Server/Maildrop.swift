package import Storage

/// The messages of one session, as RFC 1939 5 numbers them, and which of them are marked as deleted.
///
/// Nothing here is done to a mailbox: the marks count at QUIT, and only then.
package struct Maildrop: Sendable {
    /// The place of a message in the snapshot: its number less one.
    package typealias Index = Int

    package let snapshot: MaildropSnapshot
    private var marks: [Bool]
    /// Messages that are not marked, and their octets: what STAT says.
    package private(set) var count: Int
    package private(set) var octets: Int

    package init(_ snapshot: MaildropSnapshot) {
        self.snapshot = snapshot
        marks = Array(repeating: false, count: snapshot.messages.count)
        count = snapshot.messages.count
        octets = snapshot.messages.reduce(0) { $0 + $1.size }
    }

    /// RFC 1939 5: a marked message has no number any more, until RSET.
    package func index(ofNumber number: Int) -> Index? {
        let index = number - 1
        return marks.indices.contains(index) && !marks[index] ? index : nil
    }

    package func message(at index: Index) -> MaildropSnapshot.Message { snapshot.messages[index] }

    package var size: Int { snapshot.messages.count }

    package func isMarked(_ index: Index) -> Bool { marks[index] }

    package mutating func mark(_ index: Index) {
        guard !marks[index] else { return }
        marks[index] = true
        count -= 1
        octets -= snapshot.messages[index].size
    }

    package mutating func unmarkAll() { self = Maildrop(snapshot) }

    /// The UIDs of the marked messages; neighbours make one run, however many UIDs lie between them.
    package var marked: UIDRuns {
        var ranges: [ClosedRange<UInt32>] = []
        var first: UInt32?
        for (index, message) in snapshot.messages.enumerated() where marks[index] {
            first = first ?? message.uid
            guard index + 1 == marks.count || !marks[index + 1], let start = first else { continue }
            ranges.append(start...max(start, message.uid))
            first = nil
        }
        return UIDRuns(ranges)
    }

    /// RFC 1939 7: an id that no other message of the maildrop ever has. An Inbox that was restored from a backup has
    /// another UIDVALIDITY, so that what clients know of the time after the backup is not taken for something else.
    package func uniqueID(of index: Index) -> String {
        "\(snapshot.uidValidity).\(snapshot.messages[index].uid)"
    }

    /// For people: `2 messages (320 octets)`.
    var summary: String { "\(Self.messages(count)) (\(octets) octets)" }

    static func messages(_ count: Int) -> String { count == 1 ? "1 message" : "\(count) messages" }
}
