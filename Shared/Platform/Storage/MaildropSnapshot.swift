package import MailCore

/// The Inbox as a POP3 session finds it: fixed for the session, whatever arrives or is expunged meanwhile (RFC 1939 5).
package struct MaildropSnapshot: Sendable, Equatable {
    package struct Message: Sendable, Equatable {
        package let uid: UInt32
        /// Octets as delivered: prefix and body, no dots stuffed.
        package let size: Int

        package init(uid: UInt32, size: Int) {
            self.uid = uid
            self.size = size
        }
    }

    package let key: MailboxKey
    package let uidValidity: UInt32
    /// Ascending by UID.
    package let messages: [Message]

    package init(key: MailboxKey, uidValidity: UInt32, messages: [Message]) {
        self.key = key
        self.uidValidity = uidValidity
        self.messages = messages
    }
}

/// The right of one session to remove messages of an account's maildrop, until another session has got it.
package struct MaildropLease: Sendable, Hashable {
    package let account: AccountID
    /// Random, so that no two sessions ever share one, even after the database lost the table.
    package let fence: Int64

    package init(account: AccountID, fence: Int64 = .random(in: .min ... .max)) {
        self.account = account
        self.fence = fence
    }
}
