package import SASL
package import SMTPGrammar

/// What the session does next; the dialogue decides it, the session only carries it out.
package enum SMTPAction: Sendable {
    case reply(SMTPReply)
    /// A negative reply, and why.
    case refuse(SMTPReply, SMTPReason)
    /// Send the reply, if any, and close.
    case close(SMTPReply?, SMTPReason)
    /// Send the reply, change to TLS, then tell `tlsStarted`.
    case startTLS(SMTPReply)
    /// Send the challenge; the next line goes to `authenticationLine`.
    case challenge(SMTPReply)
    /// Check the password, then tell `authenticated`.
    case verify(Credentials)
    /// Find out whether the address leads to the account alone, then tell `senderChecked`.
    case checkSender(String)
    /// Look up the first of these addresses that is local, then tell `recipientResolved`.
    case resolve([String])
    /// Send the reply, take the mail, then tell `messageEnded`.
    case receive(SMTPReply, SMTPTransaction)
}

/// What became of a mail after its last dot.
package enum MessageOutcome: Sendable, Hashable {
    case accepted(id: String)
    case bareNewline
    case tooLarge
    case loop
    case temporaryFailure
    case outboxFull
}
