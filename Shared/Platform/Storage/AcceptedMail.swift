package import MailCore

/// The wire bytes of a mail at the moment of its acceptance.
package enum AcceptedBody: Sendable {
    /// At most `BodyUpload.chunkSize` bytes; they travel in the group commit.
    case inline([UInt8])
    /// Written by a `BodyUpload`, which must be finished; the acceptance gives it its size.
    case stored(BodyID, size: Int)

    package var size: Int {
        switch self {
        case .inline(let bytes): bytes.count
        case .stored(_, let size): size
        }
    }
}

/// A recipient as frozen at RCPT.
package struct AcceptedRecipient: Sendable, Hashable {
    /// As given at RCPT.
    package let address: String
    /// `nil` for a foreign recipient.
    package let account: AccountID?
    /// Of a foreign recipient: the address of ours that forwards to it.
    package let via: String?

    package init(address: String, account: AccountID?, via: String? = nil) {
        self.address = address
        self.account = account
        self.via = via
    }
}

/// All that one acceptance writes.
package struct AcceptedMail: Sendable {
    package var id: MailID
    package var body: AcceptedBody
    package var receivedAt: Timestamp
    package var origin: MailOrigin
    /// Empty is the null sender.
    package var envelopeFrom: String
    package var submitter: AccountID?
    package var peer: String
    package var helo: String
    /// Of the body, trace headers of acceptance included.
    package var size: Int
    package var traceparent: TraceParent
    /// `MessageSummary.encoded()`.
    package var summary: [UInt8]
    package var recipients: [AcceptedRecipient]

    package init(
        id: MailID, body: AcceptedBody, receivedAt: Timestamp, origin: MailOrigin, envelopeFrom: String,
        submitter: AccountID?, peer: String, helo: String, size: Int, traceparent: TraceParent, summary: [UInt8],
        recipients: [AcceptedRecipient]
    ) {
        self.id = id
        self.body = body
        self.receivedAt = receivedAt
        self.origin = origin
        self.envelopeFrom = envelopeFrom
        self.submitter = submitter
        self.peer = peer
        self.helo = helo
        self.size = size
        self.traceparent = traceparent
        self.summary = summary
        self.recipients = recipients
    }

    /// What it adds to a batch.
    var weight: Int {
        if case .inline(let bytes) = body { bytes.count + summary.count } else { summary.count }
    }
}

package enum AcceptanceOutcome: Sendable, Hashable {
    /// The mail, its recipients and its work are durable.
    case committed
    /// Not known to be durable: the client keeps the mail and tries again (451).
    case temporaryFailure(publicText: String)
    /// Too many unfinished mails (451 4.3.1).
    case outboxFull
}
