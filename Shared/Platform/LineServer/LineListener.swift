/// How a listening port speaks TLS.
package enum LineTLS: Sendable, Hashable {
    case none
    /// Begins in clear text, changes to TLS when the client asks (RFC 3207, RFC 9051 6.2.1).
    case startTLS
    /// TLS from the first byte (RFC 8314).
    case implicit
}

/// One listening port and the part it plays.
package struct LineListener: Sendable, Hashable {
    /// `mx`, `submission`, `submissions`, `imap`, `imaps`, ...; a name of ours, safe as a label.
    package let role: String
    package let host: String
    package let port: Int
    package let tls: LineTLS

    package init(role: String, host: String, port: Int, tls: LineTLS) {
        self.role = role
        self.host = host
        self.port = port
        self.tls = tls
    }
}

/// What one connection, and all of them together, may take.
package struct LineLimits: Sendable {
    /// Octets of a line, CRLF included, before a session asks for another limit (RFC 5321 4.5.3.1.4).
    package var maximumLine = 512
    package var maximumConnections = 20_000
    /// Connections of one address at the same time (an IPv6 /64 counts as one); 0 means no limit.
    package var perAddress = 50
    /// How long a client may be silent between commands.
    package var idle: Duration = .seconds(300)
    /// How long a command may take from its first byte to its last.
    package var commandDeadline: Duration = .seconds(30)
    package var handshakeDeadline: Duration = .seconds(10)
    /// Bytes waiting for a client that does not read, above which `flush` waits.
    package var writeBufferHighWater = 256 * 1024
    /// How long a client may leave a full write buffer without taking a byte.
    package var writeStall: Duration = .seconds(60)
    /// How long sessions may go on after shutdown began.
    package var drain: Duration = .seconds(30)
    /// Input held for a session that is busy; reading from the socket pauses above it.
    package var readAhead = 32 * 1024
    package var eventLoops = 2

    package init() {}
}

/// One line of input, CRLF removed. Only CRLF ends a line: a bare CR or LF is content (the smuggling hole is elsewhere).
package enum Line: Sendable, Equatable {
    case line([UInt8])
    /// Longer than the limit. It is reported at once; its tail is skipped, in bounded memory, by the next read.
    case tooLong
}

/// What ended a `waitForInput`.
package enum LineWait: Sendable, Equatable {
    case input, woken, timedOut
}

package enum LineError: Error, Equatable {
    /// The peer is gone, or the connection was closed here.
    case closed
    case timeout
    /// The server is going down and no command had begun.
    case shuttingDown
    /// Clear text was waiting behind the command that starts TLS (CVE-2011-0411): close, answer nothing.
    case pipelinedPlaintext
    case tls(String)
    /// More input than any session may leave waiting.
    case tooMuch
}
