import MailCore
import MessageGrammar
import Storage

/// `GET /api/v1/parked`
struct ParkedAnswer: Encodable, Sendable {
    struct Entry: Encodable, Sendable {
        let mail: String
        let recipient: Int
        let stage: String
        let attempts: Int
        let parkedSeconds: Double
        @Nullable var reason: String? = nil
        let from: String
        @Nullable var subject: String? = nil
        let words: String
    }

    var parked: [Entry]
    let mayRetry: Bool

    init(_ parked: [WorkStore.ParkedMail], _ mails: [WatchedMail], mayRetry: Bool) {
        let known = Dictionary(mails.map { ($0.id, MailAnswer($0)) }, uniquingKeysWith: { first, _ in first })
        self.parked = parked.map { work in
            Entry(
                mail: work.mail.description, recipient: work.recipient, stage: work.stage, attempts: work.attempts,
                parkedSeconds: rounded(max(0, work.parkedSeconds)), reason: work.lastError,
                from: known[work.mail]?.from ?? "", subject: known[work.mail]?.subject,
                words: "given up after \(Words.count(Int64(work.attempts), "try", "tries")) at \(work.stage), "
                    + "\(Words.time(work.parkedSeconds)) ago")
        }
        self.mayRetry = mayRetry
    }
}
