import MailCore
import MessageGrammar
import Storage

/// One mail, as the list and the stream show it.
struct MailAnswer: Encodable, Sendable {
    /// Where a mail is now.
    enum Stage: String, Encodable, Sendable { case classify, file, relay, parked, done }

    struct Verdict: Encodable, Sendable {
        let label: String
        let probability: Double
        @Nullable var category: String? = nil
    }

    struct Hop: Encodable, Sendable {
        let event: String
        let at: String
        let seconds: Double
        let words: String
    }

    private static let longestSubject = 200

    let id: String
    let receivedAt: String
    let origin: String
    let from: String
    let to: [String]
    let recipients: Int
    @Nullable var subject: String? = nil
    let size: Int64
    let stage: Stage
    let words: String
    @Nullable var verdict: Verdict? = nil
    let hops: [Hop]

    init(_ mail: WatchedMail) {
        id = mail.id.description
        receivedAt = mail.receivedAt.text
        origin = mail.origin.map { "\($0)" } ?? "unknown"
        from = mail.envelopeFrom
        to = mail.recipients
        recipients = mail.recipientCount
        subject = mail.subject.map { String(EncodedWord.decode($0).prefix(Self.longestSubject)) }
        size = mail.size
        stage = Stage(mail.work)
        verdict = mail.verdict.map {
            Verdict(label: $0.label, probability: rounded($0.probability), category: $0.category)
        }
        hops = mail.events.map { event in
            Hop(
                event: event.event, at: event.at.text, seconds: event.at.seconds(since: mail.receivedAt),
                words: Words.event(event.event, event.detail))
        }
        let tries = hops.last.map(\.words) ?? "accepted"
        words =
            switch stage {
            case .classify, .file: Words.waiting(at: stage.rawValue, true)
            case .relay: hops.last?.event == "deferred" ? tries : Words.waiting(at: "relay", true)
            case .parked: hops.last { $0.event == "parked" }?.words ?? "given up for now"
            case .done: tries
            }
    }
}

extension MailAnswer.Stage {
    /// The earliest stage that a copy is at. What is owed after filing (a late verdict) is no stage of the mail.
    init(_ work: [WatchedMail.Work]) {
        let open = work.filter { $0.stage == .classify || $0.stage == .file || $0.stage == .relay }
        if open.contains(where: \.isParked) {
            self = .parked
        } else {
            switch open.map(\.stage).min(by: { $0.rawValue < $1.rawValue }) {
            case .classify: self = .classify
            case .file: self = .file
            case .relay: self = .relay
            case .late, .relabel, nil: self = .done
            }
        }
    }
}

/// `GET /api/v1/mails`
struct MailsAnswer: Encodable, Sendable {
    let mails: [MailAnswer]
    @Nullable var next: String? = nil
}
