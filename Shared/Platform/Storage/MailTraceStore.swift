package import MailCore
package import PostgreSQL
import ServiceKit

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Looks up a mail's way, for the operator.
package struct MailTraceStore: Sendable {
    package enum Lookup: Sendable {
        case found(MailTrace)
        case none
        /// Several mails begin like this; at most 20 of them.
        case ambiguous([MailID])
        case notAnIdentifier
    }

    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// - Parameter text: a mail id or its beginning, at least 4 digits, with or without dashes.
    package func find(_ text: String) async throws -> Lookup {
        guard let range = UUIDRange(prefix: text) else { return .notAnIdentifier }
        return try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.findMails,
                [.uuid(high: range.low.high, low: range.low.low), .uuid(high: range.high.high, low: range.high.low)])
            var mails: [MailID] = []
            for row in rows { mails.append(try row.mailID(0)) }
            guard let mail = mails.first else { return .none }
            guard mails.count == 1 else { return .ambiguous(mails) }
            return .found(try Self.read(mail, on: connection))
        }
    }

    private static func read(_ mail: MailID, on connection: isolated PostgresConnection) throws -> MailTrace {
        let id: [PostgresValue] = [.uuid(high: mail.uuid.high, low: mail.uuid.low)]
        let answers = try connection.pipeline(
            [
                loadMail, loadRecipients, loadEvents, loadVerdict, loadCopies, loadWork, loadLessons, loadLearning,
                loadNear,
            ].map { ($0, id) })
        guard answers.count == 9, let head = answers[0].first else {
            throw PostgresError(.decoding, "the mail is gone")
        }
        let received = try head.timestamp(0)
        return MailTrace(
            mail: mail, receivedAt: clock(received),
            origin: MailOrigin(rawValue: try head.int2(1)).map { "\($0)" } ?? "unknown",
            envelopeFrom: try head.text(2), size: try head.int8(3), traceparent: try head.text(4),
            recipients: try answers[1].map {
                MailTrace.Recipient(
                    number: Int(try $0.int4(0)), address: try $0.text(1), account: try $0.optionalInt8(2))
            },
            events: try answers[2].map { try MailTrace.Event($0, since: received) },
            verdict: try answers[3].first.flatMap { try Verdict($0, from: 0) },
            copies: try answers[4].map {
                MailTrace.Copy(
                    account: try $0.int8(0), mailbox: try $0.text(1), uid: try $0.int8(2), isSeen: try $0.bool(3))
            },
            work: try answers[5].map { try MailTrace.Work($0) },
            lessons: try answers[6].map { try MailTrace.Lesson($0) },
            learning: try answers[7].first.map { try MailTrace.Learning($0, near: answers[8]) })
    }

    private static let findMails = PreparedStatement(
        "trace_find_mails",
        "SELECT mail_id FROM mail WHERE mail_id BETWEEN $1 AND $2 ORDER BY mail_id LIMIT 20")

    private static let loadMail = PreparedStatement(
        "trace_load_mail",
        "SELECT received_at, origin, envelope_from, size, traceparent FROM mail WHERE mail_id = $1")

    private static let loadRecipients = PreparedStatement(
        "trace_load_recipients",
        "SELECT recipient, address, account_id FROM recipient WHERE mail_id = $1 ORDER BY recipient")

    private static let loadEvents = PreparedStatement(
        "trace_load_events",
        "SELECT event, at, recipient, detail FROM mail_event WHERE mail_id = $1 ORDER BY at, event")

    private static let loadVerdict = PreparedStatement(
        "trace_load_verdict",
        "SELECT label, probability, reasons, model_version, category FROM verdict WHERE mail_id = $1")

    private static let loadCopies = PreparedStatement(
        "trace_load_copies",
        """
        SELECT m.account_id, b.name, m.uid, m.flags & 1 = 1
        FROM mailbox_message m JOIN mailbox b USING (account_id, mailbox_id)
        WHERE m.mail_id = $1 ORDER BY m.account_id, b.name, m.uid
        """)

    private static let loadWork = PreparedStatement(
        "trace_load_work",
        """
        SELECT work.stage, work.recipient, work.created_at, work.attempts, work.next_hint_at, work.parked_at,
            work.last_error, copy.domain, copy.tries, CASE WHEN copy.fence = 0 THEN copy.due_at END, copy.expires_at,
            copy.last_reply, copy.last_host, destination.held_until, destination.last_reply
        FROM work
        LEFT JOIN relay_copy copy
            ON work.stage = 3 AND copy.mail_id = work.mail_id AND copy.recipient = work.recipient
        LEFT JOIN relay_destination destination
            ON destination.domain = copy.domain AND destination.held_until > now()
        WHERE work.mail_id = $1 ORDER BY work.stage, work.recipient
        """)
}

extension MailTrace.Event {
    fileprivate init(_ row: PostgresRow, since received: Int64) throws {
        let moment = try row.timestamp(1)
        event = try row.text(0)
        at = clock(moment)
        seconds = Double(moment - received) / 1_000_000
        recipient = Int(try row.int4(2))
        // Written by our own statements; what is no object is left out of the picture.
        detail = (try? JSONDecoder().decode([String: TraceValue].self, from: Data(try row.text(3).utf8))) ?? [:]
    }
}

extension MailTrace.Work {
    fileprivate init(_ row: PostgresRow) throws {
        stage = Stage(rawValue: try row.int2(0))?.description ?? "unknown"
        recipient = Int(try row.int4(1))
        since = clock(try row.timestamp(2))
        attempts = Int(try row.int2(3))
        nextHintAt = clock(try row.timestamp(4))
        parkedAt = try row.optionalTimestamp(5).map(clock)
        lastError = try row.optionalText(6)
        relay = try row.isNull(7) ? nil : MailTrace.Relay(row)
    }
}

extension MailTrace.Relay {
    fileprivate init(_ row: PostgresRow) throws {
        domain = try row.text(7)
        tries = Int(try row.int4(8))
        // A held destination is tried when it is not held any more.
        nextAttemptAt = try row.optionalTimestamp(9).map { max($0, (try row.optionalTimestamp(13)) ?? $0) }.map(clock)
        expiresAt = clock(try row.timestamp(10))
        lastReply = try row.optionalText(11)
        lastHost = try row.optionalText(12)
        heldUntil = try row.optionalTimestamp(13).map(clock)
        heldBecause = try row.optionalText(14)
    }
}

func clock(_ microseconds: Int64) -> String {
    rfc3339(seconds: Int(microseconds / 1_000_000), milliseconds: Int(max(0, microseconds % 1_000_000 / 1000)))
}

/// All UUIDs that begin with some digits.
struct UUIDRange: Equatable {
    let low: UUIDv7
    let high: UUIDv7

    /// Dashes count for nothing; fewer than 4 digits or anything else is `nil`.
    init?(prefix text: String) {
        let digits = text.filter { $0 != "-" }
        guard (4...32).contains(digits.count), digits.allSatisfy(\.isHexDigit), digits.utf8.count == digits.count else {
            return nil
        }
        let missing = 32 - digits.count
        guard let low = Self.uuid(digits + String(repeating: "0", count: missing)),
            let high = Self.uuid(digits + String(repeating: "f", count: missing))
        else { return nil }
        self.low = low
        self.high = high
    }

    private static func uuid(_ digits: String) -> UUIDv7? {
        guard let high = UInt64(digits.prefix(16), radix: 16), let low = UInt64(digits.suffix(16), radix: 16) else {
            return nil
        }
        return UUIDv7(high: high, low: low)
    }
}
