import MailCore
import PostgreSQL
import QueueContracts

/// A move or copy into or out of Junk says what the reader thinks of the mail; it is noted in the same transaction.
enum JunkLesson {
    /// A single command notes at most this many, the newest; what goes beyond a day's allowance is never learnt anyway.
    static let maximumPerCommand = 1000

    /// What it means that messages went from one mailbox to the other. Sent away with the rubbish, or among a person's
    /// own mail, a message says nothing.
    static func source(from: LockedMailbox, into: LockedMailbox) -> LessonSource? {
        guard from.key != into.key, from.isJunk != into.isJunk else { return nil }
        guard into.isJunk else {
            return ["\\Trash", "\\Sent", "\\Drafts"].contains(into.specialUse) ? nil : .outOfJunk
        }
        return ["\\Sent", "\\Drafts"].contains(from.specialUse) ? nil : .intoJunk
    }
}

extension LockedMailbox {
    fileprivate var isJunk: Bool { specialUse == "\\Junk" }
}

extension PostgresConnection {
    /// Notes the lesson of a transfer, if it is one.
    /// - Returns: the mails to be learnt from.
    func noteLesson(_ transfer: Transfer, from: LockedMailbox, into: LockedMailbox) throws -> [MailHint.Entry] {
        guard let source = JunkLesson.source(from: from, into: into), !transfer.entries.isEmpty else { return [] }
        let label: Verdict.Label = source == .intoJunk ? .spam : .ham
        let rows = try execute(
            insertLessons,
            [
                .int8(into.key.account.value), .int8(into.key.mailbox.value), .int8(transfer.first),
                .int8(transfer.uidNext), .int2(source.rawValue), .text(label.rawValue),
                .int4(Int32(JunkLesson.maximumPerCommand)),
            ])
        return try rows.map { row in
            let trace = try row.text(1)
            return MailHint.Entry(mail: try row.mailID(0), traceparent: TraceParent(trace) ?? .start())
        }
    }
}

private let insertLessons = PreparedStatement(
    "mailbox_insert_lessons",
    """
    WITH place AS MATERIALIZED (
        SELECT mail_id FROM mailbox_message
        WHERE account_id = $1 AND mailbox_id = $2 AND uid >= $3 AND uid < $4 ORDER BY uid DESC LIMIT $7
    ), told AS MATERIALIZED (
        SELECT DISTINCT mail_id FROM place
    ), noted AS (
        INSERT INTO learn_event (mail_id, account_id, source, label) SELECT mail_id, $1, $5, $6 FROM told
    ), event AS (
        INSERT INTO mail_event (mail_id, event, detail)
        SELECT mail_id, 'reported', jsonb_build_object('account', $1::bigint, 'label', $6::text) FROM told
    )
    SELECT told.mail_id, mail.traceparent FROM told CROSS JOIN LATERAL (
        SELECT traceparent FROM mail WHERE mail.mail_id = told.mail_id LIMIT 1
    ) AS mail
    ORDER BY told.mail_id
    """)
