package import LineServer

/// What a remote server said, or what we found ourselves (`code` 0): fit for the trace, the log and a notification.
package struct RelayReply: Sendable, Hashable {
    /// Where in the dialogue it was said.
    package enum Step: String, Sendable, Hashable {
        case route, connect, greeting, hello, tls, mail, recipient, data, content, end
    }

    /// The SMTP code; 0 when no server has spoken.
    package let code: Int
    /// RFC 3463, `5.1.1`; never empty: `x.0.0` where the server gave none.
    package let status: String
    /// Capped, control characters made visible.
    package let text: RedactedText
    /// The server's name as routing knows it; empty when none was reached.
    package let host: String
    package let step: Step
    /// The connection went away between our final dot and the answer: the mail may have arrived (RFC 1047).
    package let isOutcomeUnknown: Bool
    /// The host or the connection is at fault, and nothing was decided about the mail: another host, or the same by a
    /// new connection, may take it at once (RFC 5321 5.1).
    package let isHostFault: Bool
    /// This host can't take this mail, whenever it is tried (its size, 8-bit content); another one of the domain may.
    package let isHostLimit: Bool

    package init(
        code: Int = 0, status: String, text: RedactedText, host: String = "", step: Step,
        isOutcomeUnknown: Bool = false, isHostFault: Bool = false, isHostLimit: Bool = false
    ) {
        self.code = code
        self.status = status
        self.text = text
        self.host = host
        self.step = step
        self.isOutcomeUnknown = isOutcomeUnknown
        self.isHostFault = isHostFault
        self.isHostLimit = isHostLimit
    }

    /// A finding of our own.
    package init(
        status: String, _ text: String, host: String = "", step: Step, isOutcomeUnknown: Bool = false,
        isHostFault: Bool = false, isHostLimit: Bool = false
    ) {
        self.init(
            status: status, text: RedactedText(line: text.utf8), host: host, step: step,
            isOutcomeUnknown: isOutcomeUnknown, isHostFault: isHostFault, isHostLimit: isHostLimit)
    }
}

/// What became of one recipient.
package enum RecipientResult: Sendable, Hashable {
    /// The remote server has it.
    case delivered(RelayReply)
    /// Try again later.
    case deferred(RelayReply)
    /// Never to be tried again.
    case failed(RelayReply)

    package var reply: RelayReply {
        switch self {
        case .delivered(let reply), .deferred(let reply), .failed(let reply): reply
        }
    }
}

/// Why there is no usable connection.
package struct RelayFailure: Error, Sendable, Hashable {
    package enum Code: Sendable, Hashable {
        /// Refused, unreachable, timed out, reset, closed early.
        case unreachable
        /// The server answered, but does not serve us: 4xx or 5xx to greeting or EHLO.
        case refusedByHost
        /// What it says is not SMTP.
        case protocolError
        /// STARTTLS began and could not be finished.
        case tls
        /// The host is we ourselves: never to be tried again (RFC 5321 6.3).
        case loop
        /// The address may not be connected to.
        case forbiddenAddress
    }

    package let code: Code
    package let reply: RelayReply

    package init(_ code: Code, _ reply: RelayReply) {
        self.code = code
        self.reply = reply
    }

    /// The same for each recipient when no other host is left: deferred, unless trying again can't help.
    package var result: RecipientResult {
        switch code {
        case .unreachable, .refusedByHost, .protocolError, .tls: .deferred(reply)
        case .loop, .forbiddenAddress: .failed(reply)
        }
    }
}
