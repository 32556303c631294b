import PostgreSQL

extension FilingStore {
    /// At most so many in one transaction, whatever the mails' lists of recipients.
    static let copiesAtOnce = 4096

    /// Locks the file work of the mails in key order and reads what the decision needs. A row that another filerd
    /// finished while we waited for its lock is not in the answer.
    static let lockCopies = PreparedStatement(
        "filing_lock_copies",
        """
        WITH locked AS MATERIALIZED (
            SELECT mail_id, recipient FROM work
            WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = 2 AND parked_at IS NULL
            ORDER BY mail_id, recipient LIMIT 4096 FOR UPDATE
        )
        SELECT locked.mail_id, locked.recipient, mail.body_id, mail.envelope_from, mail.origin, receiver.address,
            receiver.account_id, verdict.label, verdict.probability, verdict.reasons, verdict.model_version,
            verdict.category, box.inbox, box.junk
        FROM locked
        CROSS JOIN LATERAL (
            SELECT body_id, envelope_from, origin FROM mail WHERE mail.mail_id = locked.mail_id OFFSET 0
        ) AS mail
        LEFT JOIN LATERAL (
            SELECT address, (
                SELECT account_id FROM account WHERE account_id = recipient.account_id AND deleted_at IS NULL
            ) AS account_id
            FROM recipient WHERE mail_id = locked.mail_id AND recipient.recipient = locked.recipient OFFSET 0
        ) AS receiver ON true
        LEFT JOIN LATERAL (
            SELECT label, probability, reasons, model_version, category FROM verdict
            WHERE mail_id = locked.mail_id OFFSET 0
        ) AS verdict ON true
        LEFT JOIN LATERAL (
            SELECT min(mailbox_id) FILTER (WHERE name = 'INBOX') AS inbox,
                min(mailbox_id) FILTER (WHERE special_use = '\\Junk') AS junk
            FROM mailbox WHERE mailbox.account_id = receiver.account_id
        ) AS box ON true
        ORDER BY locked.mail_id, locked.recipient
        """)

    static let readEvidence = PreparedStatement(
        "filing_read_evidence",
        """
        SELECT mail_id, summary, (
            SELECT substring(bytes FROM 1 FOR 32768) FROM body_chunk WHERE body_chunk.body_id = found.body_id AND seq = 0
        )
        FROM (
            SELECT mail_id, summary, body_id, row_number() OVER sofar AS place,
                sum(octet_length(summary)) OVER sofar AS bytes
            FROM mail WHERE mail_id = ANY ($1::uuid[])
            WINDOW sofar AS (ORDER BY mail_id ROWS UNBOUNDED PRECEDING)
        ) AS found
        WHERE place = 1 OR bytes <= 4194304
        """)

    static let findLate = PreparedStatement(
        "filing_find_late",
        """
        SELECT DISTINCT mail_id FROM work WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = 5 AND parked_at IS NULL
        ORDER BY mail_id
        """)

    static let lockMailboxes = PreparedStatement(
        "filing_lock_mailboxes",
        """
        WITH wanted AS MATERIALIZED (
            SELECT DISTINCT account_id, mailbox_id FROM unnest($1::bigint[], $2::bigint[]) AS box (account_id, mailbox_id)
            ORDER BY account_id, mailbox_id
        )
        SELECT box.mailbox_id FROM wanted CROSS JOIN LATERAL (
            SELECT mailbox_id FROM mailbox
            WHERE mailbox.account_id = wanted.account_id AND mailbox.mailbox_id = wanted.mailbox_id FOR UPDATE
        ) AS box
        """)

    /// The deletion of the work row drives the rest. A copy whose mailbox or body is gone, or whose mailbox has no UID
    /// left (4,294,967,295 is the last, RFC 3501 2.3.1.1), keeps its work row. All messages that one batch adds to a
    /// mailbox share one modseq; their UIDs follow the order of acceptance.
    ///
    /// Rows are looked up one by one by their keys (LATERAL ... OFFSET 0), so that a plan made while the tables were
    /// small stays good. The work rows are locked since the first round trip, so their place on disk does not change.
    static let fileCopies = PreparedStatement(
        "filing_file_copies",
        """
        WITH wanted AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bigint[], $5::bytea[], $7::text[])
                WITH ORDINALITY AS copy (mail_id, recipient, account_id, mailbox_id, prefix, keyword, place)
        ), shared AS MATERIALIZED (
            SELECT body_id FROM body WHERE body_id = ANY ($6::uuid[]) ORDER BY body_id FOR KEY SHARE
        ), placed AS MATERIALIZED (
            SELECT wanted.*, unfinished.place_on_disk, mail.body_id, mail.size + octet_length(wanted.prefix) AS size,
                mail.received_at, box.uidnext, box.modseq + 1 AS modseq, box.name, box.keywords
            FROM wanted
            CROSS JOIN LATERAL (
                SELECT work.ctid AS place_on_disk FROM work
                WHERE work.mail_id = wanted.mail_id AND work.recipient = wanted.recipient AND work.stage + 0 = 2 OFFSET 0
            ) AS unfinished
            CROSS JOIN LATERAL (
                SELECT body_id, size, received_at FROM mail WHERE mail.mail_id = wanted.mail_id OFFSET 0
            ) AS mail
            CROSS JOIN LATERAL (
                SELECT uidnext, modseq, name, keywords FROM mailbox
                WHERE mailbox.account_id = wanted.account_id AND mailbox.mailbox_id = wanted.mailbox_id OFFSET 0
            ) AS box
            WHERE mail.body_id IN (SELECT body_id FROM shared) AND box.uidnext + cardinality($1::uuid[]) < 4294967296
        ), named AS MATERIALIZED (
            -- Keyword i of a mailbox is bit 8 + i of the flags; there are 55 at most. Case does not count.
            SELECT account_id, mailbox_id, (keywords || coalesce(array_agg(DISTINCT keyword) FILTER (
                WHERE keyword <> '' AND lower(keyword) <> ALL (lower(keywords::text)::text[])), '{}'))[1:55] AS keywords
            FROM placed GROUP BY account_id, mailbox_id, keywords
        ), gone AS (
            DELETE FROM work WHERE ctid = ANY (ARRAY(SELECT place_on_disk FROM placed)) RETURNING mail_id, recipient
        ), numbered AS MATERIALIZED (
            SELECT placed.*, named.keywords AS names,
                coalesce(1::bigint << (7 + array_position(
                    lower(named.keywords::text)::text[], lower(nullif(placed.keyword, '')))), 0) AS flags,
                uidnext + row_number() OVER (PARTITION BY account_id, mailbox_id ORDER BY place) - 1 AS uid
            FROM placed JOIN gone USING (mail_id, recipient) JOIN named USING (account_id, mailbox_id)
        ), added AS (
            INSERT INTO mailbox_message
                (account_id, mailbox_id, uid, modseq, flags, mail_id, body_id, size, prefix, internal_date)
            SELECT account_id, mailbox_id, uid, modseq, flags, mail_id, body_id, size, prefix, received_at FROM numbered
        ), counted AS (
            UPDATE mailbox SET uidnext = mailbox.uidnext + total.messages, modseq = mailbox.modseq + 1,
                messages = mailbox.messages + total.messages, unseen = mailbox.unseen + total.messages,
                bytes = mailbox.bytes + total.bytes, keywords = total.names
            FROM (
                SELECT account_id, mailbox_id, names, count(*) AS messages, sum(size)::bigint AS bytes
                FROM numbered GROUP BY account_id, mailbox_id, names
            ) AS total
            WHERE mailbox.account_id = total.account_id AND mailbox.mailbox_id = total.mailbox_id
        ), noted AS (
            INSERT INTO mail_event (mail_id, event, recipient, detail)
            SELECT mail_id, 'filed', recipient,
                jsonb_build_object('account', account_id, 'mailbox', mailbox_id, 'name', name, 'uid', uid)
            FROM numbered
        )
        SELECT mail_id, recipient, account_id, mailbox_id, modseq FROM numbered
        """)

    /// Copies of deleted accounts: the work ends, the body may have lost its last reference. The rows are locked by then.
    static let discardCopies = PreparedStatement(
        "filing_discard_copies",
        """
        WITH gone AS (
            DELETE FROM work WHERE ctid = ANY (ARRAY(
                SELECT unfinished.place FROM unnest($1::uuid[], $2::integer[]) AS copy (mail_id, recipient)
                CROSS JOIN LATERAL (
                    SELECT ctid AS place FROM work
                    WHERE work.mail_id = copy.mail_id AND work.recipient = copy.recipient AND work.stage + 0 = 2 OFFSET 0
                ) AS unfinished))
            RETURNING mail_id, recipient
        ), noted AS (
            INSERT INTO mail_event (mail_id, event, recipient, detail)
            SELECT mail_id, 'discarded', recipient, '{"reason": "the account is gone"}' FROM gone
        ), released AS (
            INSERT INTO body_release (body_id, due_at)
            SELECT body_id, now() + interval '1 day'
            FROM (SELECT DISTINCT body_id FROM mail JOIN gone USING (mail_id) ORDER BY body_id) AS bodies
            ON CONFLICT (body_id) DO UPDATE SET due_at = greatest(body_release.due_at, excluded.due_at)
        )
        SELECT mail_id FROM gone
        """)
}
