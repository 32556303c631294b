import MailCore

/// What can be set for IMAP.
package struct IMAPOptions: Sendable {
    /// Largest message of APPEND in bytes (`imap.message_limit`).
    package var messageLimit = MailLimits.messageSize
    /// RFC 3501 5.4: at least 30 minutes (`imap.idle_timeout`).
    package var autologout: Duration = .seconds(1800)
    /// Before login a client has less time.
    package var loginTimeout: Duration = .seconds(60)
    /// How long a command may take from its first byte to its last, and a literal between two pieces.
    package var commandDeadline: Duration = .seconds(60)
    /// How long a body search may go on (`imap.search_limit`).
    package var searchLimit: Duration = .seconds(120)

    package init() {}
}
