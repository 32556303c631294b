package import Storage

/// Decides how many messages one query brings. A client that reads one message after the other, as nearly all do, soon
/// gets many from each query; one that jumps about gets what it asks for.
package struct ReadAhead: Sendable {
    /// Most messages and most octets of one query; a single message may be larger.
    package static let maximumCount = 64
    package static let maximumOctets = 256 * 1024

    private var reach = 1
    private var expected: Maildrop.Index?

    package init() {}

    /// What to read now that the message at `index` is wanted and not there.
    package mutating func span(from index: Maildrop.Index, in snapshot: MaildropSnapshot) -> Range<Maildrop.Index> {
        reach = index == expected ? min(reach * 2, Self.maximumCount) : 1
        var end = index + 1
        var octets = snapshot.messages[index].size
        while end < snapshot.messages.count, end - index < reach {
            octets += snapshot.messages[end].size
            guard octets <= Self.maximumOctets else { break }
            end += 1
        }
        expected = end
        return index..<end
    }
}
