import MailCore
import Storage

/// `GET /api/v1/mails/ID`: one mail's whole way, as the viewer may see it.
struct TraceAnswer: Encodable, Sendable {
    struct Recipient: Encodable, Sendable {
        let number: Int
        let address: String
        let local: Bool
    }

    struct Event: Encodable, Sendable {
        let event: String
        let at: String
        let seconds: Double
        let recipient: Int
        let words: String
        let detail: [String: TraceValue]
    }

    struct Verdict: Encodable, Sendable {
        let label: String
        let probability: Double
        @Nullable var category: String? = nil
        let modelVersion: Int64
        let reasons: [Reason]
    }

    struct Reason: Encodable, Sendable {
        let code: String
        let text: String
        let weight: Double
    }

    struct Copy: Encodable, Sendable {
        let account: Int64
        let mailbox: String
        let uid: Int64
        let seen: Bool
    }

    struct Work: Encodable, Sendable {
        let stage: String
        let recipient: Int
        let since: String
        let attempts: Int
        let nextHintAt: String
        @Nullable var parkedAt: String? = nil
        @Nullable var lastError: String? = nil
    }

    /// What somebody said of the mail; an account sees what it said itself.
    struct Lesson: Encodable, Sendable {
        let label: String
        let source: String
        let at: String
        let outcome: String
        @Nullable var model: Int64? = nil
    }

    /// What the model had learnt when it judged the mail; an admin's.
    struct Learning: Encodable, Sendable {
        let model: Int64
        let lessons: Int64
        let ham: Int64
        let spam: Int64
        let nearHam: Int
        let nearSpam: Int
    }

    let mail: MailAnswer
    let traceparent: String
    let recipients: [Recipient]
    let events: [Event]
    @Nullable var verdict: Verdict? = nil
    let copies: [Copy]
    let work: [Work]
    let lessons: [Lesson]
    @Nullable var learning: Learning? = nil

    private static let mostRecipients = 100
    private static let mostEvents = 500

    /// - Parameter own: the numbers of the recipients that the viewer may see; `nil`: all.
    init(_ trace: MailTrace, _ mail: MailAnswer, own: Set<Int>?, viewer: Viewer) {
        let visibility = EventVisibility(viewer.scope, own: own)
        self.mail = mail
        traceparent = trace.traceparent
        recipients = trace.recipients.filter { own?.contains($0.number) ?? true }.prefix(Self.mostRecipients).map {
            Recipient(number: $0.number, address: $0.address, local: $0.account != nil)
        }
        events = Array(
            trace.events.lazy.compactMap { event in
                visibility.detail(of: event.event, recipient: event.recipient, event.detail).map { detail in
                    Event(
                        event: event.event, at: event.at, seconds: rounded(event.seconds), recipient: event.recipient,
                        words: Words.event(event.event, detail), detail: detail)
                }
            }.prefix(Self.mostEvents))
        verdict = trace.verdict.map { verdict in
            Verdict(
                label: verdict.label.rawValue, probability: rounded(verdict.probability),
                category: verdict.category?.rawValue, modelVersion: verdict.modelVersion,
                reasons: verdict.reasons.map { Reason(code: $0.code, text: $0.text, weight: rounded($0.weight)) })
        }
        copies = trace.copies.filter { viewer.isAdmin || viewer.account?.value == $0.account }
            .prefix(Self.mostRecipients)
            .map { Copy(account: $0.account, mailbox: $0.mailbox, uid: $0.uid, seen: $0.isSeen) }
        work = trace.work.filter { visibility.includes(recipient: $0.recipient) }.prefix(Self.mostRecipients).map {
            Work(
                stage: $0.stage, recipient: $0.recipient, since: $0.since, attempts: $0.attempts,
                nextHintAt: $0.nextHintAt, parkedAt: $0.parkedAt, lastError: $0.lastError)
        }
        lessons = trace.lessons.filter { viewer.isAdmin || viewer.account?.value == $0.account }
            .suffix(Self.mostRecipients)
            .map { Lesson(label: $0.label, source: $0.source, at: $0.at, outcome: $0.outcome, model: $0.model) }
        learning = viewer.isAdmin ? trace.learning.map(Learning.init) : nil
    }
}

extension TraceAnswer.Learning {
    init(_ learning: MailTrace.Learning) {
        self.init(
            model: learning.model, lessons: learning.lessons, ham: learning.ham, spam: learning.spam,
            nearHam: learning.nearHam, nearSpam: learning.nearSpam)
    }
}
