package import MailCore

/// "Look again at these mailboxes"; says nothing of what changed.
package struct MailboxChanged: BusMessage, Hashable {
    package struct Mailbox: Sendable, Hashable, Codable {
        package let account: AccountID
        package let mailbox: MailboxID
        /// The mailbox's highest modseq at the change; a reader that has it already need not look.
        package let modseq: Int64

        package init(account: AccountID, mailbox: MailboxID, modseq: Int64) {
            self.account = account
            self.mailbox = mailbox
            self.modseq = modseq
        }
    }

    /// More than this many mailboxes never share a message.
    package static let maximumEntries = 512
    package static let schema = RoutingKey.mailboxChanged
    package static let version = 1

    package let schema: String
    package let version: Int
    package let mailboxes: [Mailbox]

    package init(_ mailboxes: [Mailbox]) {
        self.schema = Self.schema
        self.version = Self.version
        self.mailboxes = mailboxes
    }
}
