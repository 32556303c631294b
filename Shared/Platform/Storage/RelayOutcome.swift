package import MailCore

/// How an attempt to deliver one copy ended.
package struct RelayOutcome: Sendable {
    package enum Kind: Sendable, Hashable {
        /// The other host has it.
        case delivered
        /// Again after this long; a failure when the copy's time is over.
        case deferred(again: Duration)
        /// Never again.
        case failed
    }

    package let mail: MailID
    package let copy: RelayMail.Copy
    package let lease: RelayLease
    package var kind: Kind
    /// What was answered, or found by ourselves.
    package let answer: RelayAnswer
    /// What the copy had in front of the body; kept for the next attempt.
    package let prefix: [UInt8]?

    package init(
        mail: MailID, copy: RelayMail.Copy, lease: RelayLease, kind: Kind, answer: RelayAnswer, prefix: [UInt8]?
    ) {
        self.mail = mail
        self.copy = copy
        self.lease = lease
        self.kind = kind
        self.answer = answer
        self.prefix = prefix
    }
}

/// Why an attempt ended as it did: fit for the trace and for a notification.
package struct RelayAnswer: Sendable, Hashable {
    /// The SMTP code; 0 when no server has spoken.
    package let code: Int
    /// RFC 3463.
    package let status: String
    /// Printable and short.
    package let text: String
    /// Empty when no host was reached.
    package let host: String
    package let at: Timestamp

    package init(code: Int, status: String, text: String, host: String, at: Timestamp) {
        self.code = code
        self.status = status
        self.text = text
        self.host = host
        self.at = at
    }
}

/// What an attempt says about the destination as a whole.
package enum DestinationNews: Sendable, Hashable {
    /// A host took part in a dialogue.
    case reached
    /// No host could be used: hold the copies that wait.
    case unreachable(String)
}

/// A mail of which copies failed for good, for the notification to its sender (RFC 3464).
package struct UndeliveredMail: Sendable {
    package struct Copy: Sendable {
        package let address: String
        package let via: String?
        /// Its time was over; `answer` is of the last attempt.
        package let isExpired: Bool
        package let answer: RelayAnswer
    }

    package let mail: MailID
    /// Never empty.
    package let sender: String
    /// It came from another host; nothing proves who sent it.
    package let isFromOutside: Bool
    package let traceparent: TraceParent
    package let receivedAt: Timestamp
    /// The body's first bytes, at most 64 KiB.
    package let beginning: [UInt8]
    package let copies: [Copy]
}

/// What one transaction made of the outcomes it was given.
package struct RelayRecord: Sendable {
    package internal(set) var delivered = 0
    package internal(set) var deferred = 0
    package internal(set) var failed = 0
    /// Of leases that were gone: others have these copies now.
    package internal(set) var lost = 0
    /// The notifications that now wait for classification.
    package internal(set) var notifications: [(mail: MailID, traceparent: TraceParent)] = []
    /// Failures nobody is told of: the sender is null, nobody any more, or who is named in a junk mail.
    package internal(set) var untold = 0
}
