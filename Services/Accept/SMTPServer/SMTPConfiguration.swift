import MailCore

/// What a port is for.
package enum SMTPRole: String, Sendable, CaseIterable {
    /// Port 25: mail of the world for our accounts (RFC 5321).
    case mx
    /// Port 587: our accounts' own mail, TLS by STARTTLS (RFC 6409).
    case submission
    /// Port 465: the same, TLS from the first byte (RFC 8314).
    case submissions

    package var isSubmission: Bool { self != .mx }
}

/// How the server answers. Delays and limits are values, so that tests make them small.
package struct SMTPConfiguration: Sendable {
    /// How this host calls itself in the greeting and in trace fields.
    package var hostname: String
    /// Octets of one mail, as announced by SIZE (RFC 1870).
    package var maximumSize = MailLimits.messageSize
    /// STARTTLS is offered.
    package var offersTLS = false
    /// RFC 5321 4.5.3.1.8 asks for at least 100.
    package var maximumRecipients = 1000
    /// Copies that the recipients of one mail may expand to.
    package var maximumCopies = 10_000
    /// Refused recipients without a good one after which a session ends: somebody is guessing.
    package var maximumBadRecipients = 10
    /// Refused recipients a minute from one address, after which it is turned away for a while; 0 means no limit.
    package var badRecipientsPerMinute = 60
    /// Commands without a mail after which a session ends.
    package var maximumJunk = 100
    package var maximumLongLines = 3
    package var maximumAuthenticationFailures = 3
    /// RFC 5321 6.3
    package var maximumReceivedFields = 100
    package var authenticationFailureDelay = Duration.seconds(1)
    /// RFC 5321 4.5.3.2.7
    package var idleTimeout = Duration.seconds(300)
    /// RFC 5321 4.5.3.2.5
    package var dataTimeout = Duration.seconds(180)
    /// After this long, DATA must have come at `minimumRate` on average.
    package var dataGrace = Duration.seconds(60)
    /// Bytes a second.
    package var minimumRate = 500

    package init(hostname: String) { self.hostname = hostname }
}
