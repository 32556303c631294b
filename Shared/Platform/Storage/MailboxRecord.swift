package import MailCore
import PostgreSQL

/// Names one mailbox; the account leads, as in every key of the schema.
package struct MailboxKey: Hashable, Comparable, Sendable {
    package let account: AccountID
    package let mailbox: MailboxID

    package init(account: AccountID, mailbox: MailboxID) {
        self.account = account
        self.mailbox = mailbox
    }

    package static func < (left: MailboxKey, right: MailboxKey) -> Bool {
        (left.account, left.mailbox) < (right.account, right.mailbox)
    }
}

/// One row of `mailbox`: what SELECT and STATUS say without looking at a message.
package struct MailboxRecord: Sendable, Hashable {
    package let key: MailboxKey
    package let name: String
    package let specialUse: String?
    package let uidValidity: UInt32
    /// Int64 because 2^32 (no UID left) must be representable.
    package let uidNext: Int64
    package let modseq: Int64
    package let messages: Int64
    package let unseen: Int64
    package let deleted: Int64
    package let bytes: Int64
    /// UIDs above are \Recent for the session that selects the mailbox next.
    package let recentUID: Int64
    package let keywords: MailboxKeywords

    /// The last UID that can exist (RFC 3501 2.3.1.1: 32 bits, not zero).
    package static let maximumUID: Int64 = 4_294_967_295

    /// The columns of `MailboxStore`'s statements that end in `RETURNING`/`SELECT` of a whole row, in this order.
    init(_ row: PostgresRow, account: AccountID) throws(PostgresError) {
        key = MailboxKey(account: account, mailbox: MailboxID(try row.int8(0)))
        name = try row.text(1)
        specialUse = try row.optionalText(2)
        uidValidity = UInt32(truncatingIfNeeded: try row.int8(3))
        uidNext = try row.int8(4)
        modseq = try row.int8(5)
        messages = try row.int8(6)
        unseen = try row.int8(7)
        deleted = try row.int8(8)
        bytes = try row.int8(9)
        recentUID = try row.int8(10)
        keywords = MailboxKeywords(try row.textArray(11))
    }
}

/// Why a mailbox operation was refused; the caller gives each its response code.
package enum MailboxError: Error, Equatable, Sendable {
    case noSuchMailbox
    case alreadyExists
    /// The name may not be created, renamed or deleted (INBOX, an own inferior).
    case notAllowed
    /// 2^32 - 1 UIDs were given out; the mailbox takes no more.
    case noUIDsLeft
    /// A message of the set, or its body, is gone (RFC 2180, EXPUNGEISSUED).
    case messageGone
}
