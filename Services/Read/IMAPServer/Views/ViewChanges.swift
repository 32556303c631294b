import Storage

/// What a client has to be told when its session moves from one version of a mailbox to the next
/// (RFC 3501 7.3.1, 7.4.1, 7.4.2).
package struct ViewChanges: Equatable {
    /// Sequence numbers in the order in which they are sent: each counts what is left after those before it.
    package var expunged: [Int] = []
    /// The new number of messages, if a client must hear it.
    package var exists: Int?
    /// Positions in the new version whose flags differ.
    package var flags: [Int] = []
    package var addsKeywords = false

    package var isEmpty: Bool { expunged.isEmpty && exists == nil && flags.isEmpty && !addsKeywords }

    package init() {}

    package init(from old: MailboxView, to new: MailboxView) {
        addsKeywords = new.keywords.names.count > old.keywords.names.count
        var position = 0
        for (index, uid) in old.uids.enumerated() {
            if position < new.uids.count, new.uids[position] == uid {
                if new.flags[position] != old.flags[index] { flags.append(position) }
                position += 1
            } else {
                expunged.append(position + 1)
            }
        }
        if position < new.count { exists = new.count }
    }
}
