package import MailCore

/// Whose mails, sessions and work somebody may see.
package enum WatchScope: Sendable, Hashable {
    /// An admin's.
    case everything
    case account(AccountID)
}

/// A mail as whoever watches may see it: its envelope, subject and way, never its body.
package struct WatchedMail: Sendable, Hashable {
    package struct Event: Sendable, Hashable {
        package let event: String
        package let at: Timestamp
        /// 0: of the mail as a whole.
        package let recipient: Int
        package let detail: [String: TraceValue]

        package init(event: String, at: Timestamp, recipient: Int, detail: [String: TraceValue]) {
            self.event = event
            self.at = at
            self.recipient = recipient
            self.detail = detail
        }
    }

    package struct Judgement: Sendable, Hashable {
        package let label: String
        package let probability: Double
        package let category: String?

        package init(label: String, probability: Double, category: String?) {
            self.label = label
            self.probability = probability
            self.category = category
        }
    }

    /// Unfinished work of the mail.
    package struct Work: Sendable, Hashable {
        package let stage: Stage
        package let recipient: Int
        package let isParked: Bool

        package init(stage: Stage, recipient: Int, isParked: Bool) {
            self.stage = stage
            self.recipient = recipient
            self.isParked = isParked
        }
    }

    package let id: MailID
    package let receivedAt: Timestamp
    package let origin: MailOrigin?
    package let envelopeFrom: String
    package let size: Int64
    /// As it came: encoded words and all.
    package let subject: [UInt8]?
    /// The first of those that the viewer may see, and how many these are.
    package let recipients: [String]
    package let recipientCount: Int
    package let verdict: Judgement?
    /// Oldest first, at most `WatchStore.maximumEvents`.
    package let events: [Event]
    package let work: [Work]

    package init(
        id: MailID, receivedAt: Timestamp, origin: MailOrigin?, envelopeFrom: String, size: Int64, subject: [UInt8]?,
        recipients: [String], recipientCount: Int, verdict: Judgement?, events: [Event], work: [Work]
    ) {
        self.id = id
        self.receivedAt = receivedAt
        self.origin = origin
        self.envelopeFrom = envelopeFrom
        self.size = size
        self.subject = subject
        self.recipients = recipients
        self.recipientCount = recipientCount
        self.verdict = verdict
        self.events = events
        self.work = work
    }
}
