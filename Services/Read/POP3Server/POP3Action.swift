package import MailCore
package import POP3Grammar
package import SASL
package import Storage

/// What the session does next; the dialogue decides it, the session only carries it out.
package enum POP3Action: Sendable {
    case reply(POP3Reply)
    /// A negative reply, and why.
    case refuse(POP3Reply, POP3Reason)
    /// Send the reply, if any, and close.
    case close(POP3Reply?, POP3Reason)
    /// Send the reply, change to TLS, then tell `tlsStarted`.
    case startTLS(POP3Reply)
    /// Check the password, then tell `authenticated`.
    case verify(Credentials)
    /// Take the account's maildrop, then tell `maildropOpened`.
    case open(AccountID)
    /// Send all its pieces.
    case list(MaildropListing)
    /// Find the message, then tell `messageFound`.
    case find(Maildrop.Index)
    /// Send the reply, and behind it the message that was found: all of it, or its header and so many lines.
    case transmit(POP3Reply, lines: Int?)
    /// Remove these messages, then tell `updated`.
    case update(UIDRuns)
}

/// What became of a look for a message.
package enum MessageOutcome: Sendable {
    case found
    /// Somebody expunged it over IMAP.
    case gone
    case unavailable
}

/// What became of the attempt to open the maildrop.
package enum MaildropOutcome: Sendable {
    case opened(MaildropSnapshot)
    case inUse
    case noInbox
    case unavailable
}

/// What became of the messages marked as deleted.
package enum UpdateOutcome: Sendable {
    case removed
    case leaseLost
    case unavailable
}
