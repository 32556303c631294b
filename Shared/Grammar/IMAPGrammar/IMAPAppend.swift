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

extension IMAPCursor {
    /// `mailbox SP [flag-list SP] [date-time SP]`, then the message.
    mutating func append() throws(IMAPSyntaxError) -> IMAPAppend {
        var append = IMAPAppend(mailbox: try mailbox())
        try space()
        if peeks("(") {
            append.flags = try flagList(dropsRecent: true)
            try space()
        }
        if peeks("\"") {
            append.internalDate = try dateTime()
            try space()
        }
        return append
    }
}
