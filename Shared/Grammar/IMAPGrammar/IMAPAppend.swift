/// APPEND (RFC 3501 6.3.11) up to the message, which the server streams.
package struct IMAPAppend: Sendable, Equatable {
    package var mailbox: MailboxName
    package var flags: [IMAPFlag]
    package var internalDate: IMAPDateTime?

    package init(mailbox: MailboxName, flags: [IMAPFlag] = [], internalDate: IMAPDateTime? = nil) {
        self.mailbox = mailbox
        self.flags = flags
        self.internalDate = internalDate
    }
}
