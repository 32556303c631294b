/// How long the client waits (RFC 5321 4.5.3.2). Each is for the whole reply: one byte now and then buys no time.
package struct ClientTimeouts: Sendable, Hashable {
    package var connect = Duration.seconds(30)
    package var handshake = Duration.seconds(30)
    /// For all until the first mail together, a second connection without TLS included.
    package var opening = Duration.seconds(300)
    /// 4.5.3.2.1 Initial 220 message, and the replies to EHLO and STARTTLS.
    package var greeting = Duration.seconds(300)
    /// 4.5.3.2.2 MAIL, 4.5.3.2.3 RCPT.
    package var envelope = Duration.seconds(300)
    /// For all replies of one envelope together, so that a tarpit with many recipients holds nobody for hours.
    package var wholeEnvelope = Duration.seconds(900)
    /// 4.5.3.2.4 DATA initiation.
    package var dataInitiation = Duration.seconds(120)
    /// 4.5.3.2.5 Data block: no progress for so long.
    package var dataBlock = Duration.seconds(180)
    /// 4.5.3.2.6 DATA termination.
    package var termination = Duration.seconds(600)
    package var quit = Duration.seconds(5)
    /// Bytes per second that a server must take of a mail on average, after the first `dataBlock`.
    package var minimumRate = 512

    package init() {}
}
