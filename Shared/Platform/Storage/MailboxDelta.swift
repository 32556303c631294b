/// What one transaction did to one mailbox. A view at `before` becomes the view at `after` without asking the database.
package struct MailboxDelta: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package let uid: UInt32
        package let flags: MailboxFlags

        package init(uid: UInt32, flags: MailboxFlags) {
            self.uid = uid
            self.flags = flags
        }
    }

    package let key: MailboxKey
    /// The mailbox's modseq under the lock, before the change.
    package let before: Int64
    package let after: Int64
    package var uidNext: Int64
    package var keywords: MailboxKeywords
    /// Flags changed or message added, ascending by UID.
    package var changed: [Entry]
    /// Ascending.
    package var expunged: [UInt32]

    package init(
        key: MailboxKey, before: Int64, after: Int64, uidNext: Int64, keywords: MailboxKeywords, changed: [Entry] = [],
        expunged: [UInt32] = []
    ) {
        self.key = key
        self.before = before
        self.after = after
        self.uidNext = uidNext
        self.keywords = keywords
        self.changed = changed
        self.expunged = expunged
    }

    package var isEmpty: Bool { before == after }
}
