import PostgreSQL

/// What writes outcomes down.
extension RelayStore {
    /// A domain that comes back is noticed within this time, however long it was away.
    static let longestHold: Duration = .seconds(1800)

    static let lockWork = PreparedStatement(
        "relay_lock_work",
        """
        WITH wanted AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::integer[]) AS copy (mail_id, recipient) ORDER BY mail_id, recipient
        )
        SELECT unfinished.mail_id FROM wanted CROSS JOIN LATERAL (
            SELECT mail_id FROM work
            WHERE work.mail_id = wanted.mail_id AND work.recipient = wanted.recipient AND stage + 0 = 3 FOR UPDATE
        ) AS unfinished
        """)

    static let findHeld = PreparedStatement(
        "relay_find_held",
        """
        SELECT wanted.place, held.is_over
        FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::integer[])
            WITH ORDINALITY AS wanted (mail_id, recipient, fence, weight, place)
        CROSS JOIN LATERAL (
            SELECT expires_at <= now() AS is_over FROM relay_copy c
            WHERE c.mail_id = wanted.mail_id AND c.recipient = wanted.recipient
                AND (c.fence = wanted.fence OR c.fence = 0 AND wanted.weight = 1 OR wanted.weight = 2)
                AND EXISTS (
                    SELECT FROM work
                    WHERE work.mail_id = wanted.mail_id AND work.recipient = wanted.recipient AND stage + 0 = 3)
            OFFSET 0
        ) AS held
        ORDER BY wanted.place
        """)

    static let readUndelivered = PreparedStatement(
        "relay_read_undelivered",
        """
        SELECT mail_id, envelope_from, traceparent, received_at, (
            SELECT substring(bytes FROM 1 FOR 65536) FROM body_chunk WHERE body_chunk.body_id = mail.body_id AND seq = 0
        ), origin = 1, origin = 1 AND EXISTS (
            SELECT FROM verdict WHERE verdict.mail_id = mail.mail_id AND verdict.label <> 'ham'
        )
        FROM mail WHERE mail_id = ANY ($1::uuid[]) ORDER BY mail_id
        """)

    /// The copy is found by its key: without the lock of its destination it may have moved.
    static let endCopies = PreparedStatement(
        "relay_end_copies",
        """
        WITH done AS MATERIALIZED (
            SELECT done.*, unfinished.place
            FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::jsonb[]) AS done (mail_id, recipient, event, detail)
            CROSS JOIN LATERAL (
                SELECT work.ctid AS place FROM work
                WHERE work.mail_id = done.mail_id AND work.recipient = done.recipient AND work.stage + 0 = 3 OFFSET 0
            ) AS unfinished
        ), gone AS (
            DELETE FROM work WHERE ctid = ANY (ARRAY(SELECT place FROM done)) RETURNING mail_id, recipient
        ), copies AS (
            DELETE FROM relay_copy WHERE mail_id = ANY (ARRAY(SELECT mail_id FROM gone))
                AND (mail_id, recipient) IN (SELECT mail_id, recipient FROM gone)
        ), noted AS (
            INSERT INTO mail_event (mail_id, event, recipient, detail)
            SELECT mail_id, event, recipient, detail FROM done JOIN gone USING (mail_id, recipient)
        ), released AS (
            INSERT INTO body_release (body_id, due_at)
            SELECT body_id, now() + interval '1 day' FROM (
                SELECT DISTINCT found.body_id FROM gone CROSS JOIN LATERAL (
                    SELECT body_id FROM mail WHERE mail.mail_id = gone.mail_id OFFSET 0
                ) AS found ORDER BY body_id
            ) AS bodies
            ON CONFLICT (body_id) DO UPDATE SET due_at = greatest(body_release.due_at, excluded.due_at)
        )
        SELECT recipient FROM gone
        """)

    static let deferCopies = PreparedStatement(
        "relay_defer_copies",
        """
        WITH late AS MATERIALIZED (
            SELECT late.*, unfinished.place, copy.place AS copy_place
            FROM unnest(
                $1::uuid[], $2::integer[], $3::float8[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::jsonb[]
            ) AS late (mail_id, recipient, again, status, reply, host, prefix, detail)
            CROSS JOIN LATERAL (
                SELECT work.ctid AS place FROM work
                WHERE work.mail_id = late.mail_id AND work.recipient = late.recipient AND work.stage + 0 = 3 OFFSET 0
            ) AS unfinished
            CROSS JOIN LATERAL (
                SELECT relay_copy.ctid AS place FROM relay_copy
                WHERE relay_copy.mail_id = late.mail_id AND relay_copy.recipient = late.recipient OFFSET 0
            ) AS copy
        ), copies AS (
            UPDATE relay_copy SET fence = 0, starts = 0, tries = tries + 1, tried_at = now(),
                due_at = least(now() + late.again * interval '1 s', expires_at), last_status = late.status,
                last_reply = late.reply, last_host = late.host,
                prefix = CASE WHEN octet_length(late.prefix) > 0 THEN late.prefix ELSE relay_copy.prefix END
            FROM late WHERE relay_copy.ctid = late.copy_place
            RETURNING relay_copy.mail_id, relay_copy.recipient, due_at
        ), noted AS (
            INSERT INTO mail_event (mail_id, event, recipient, detail)
            SELECT mail_id, 'deferred', recipient, detail || jsonb_build_object('next', due_at)
            FROM late JOIN copies USING (mail_id, recipient)
        )
        UPDATE work SET last_error = left(late.reply, 200) FROM late WHERE work.ctid = late.place
        """)

    static let noteReports = PreparedStatement(
        "relay_note_reports",
        """
        INSERT INTO mail_event (mail_id, event, detail)
        SELECT mail_id, 'notified', jsonb_build_object('mail', report)
        FROM unnest($1::uuid[], $2::text[]) AS told (mail_id, report)
        """)

    static let noteReached = PreparedStatement(
        "relay_note_reached",
        """
        UPDATE relay_destination SET failures = 0, held_until = NULL, last_reply = NULL
        WHERE domain = ANY ($1::text[]) AND (failures > 0 OR held_until IS NOT NULL OR last_reply IS NOT NULL)
        """)

    /// Several connections that fail together are one failure.
    static let holdDestinations = PreparedStatement(
        "relay_hold_destinations",
        """
        UPDATE relay_destination SET failures = least(failures + 1, 1000000), last_reply = left(held.reply, 300),
            held_until = now() + ($3::float8[])[least(failures + 1, cardinality($3::float8[]))] * interval '1 s'
        FROM unnest($1::text[], $2::text[]) AS held (domain, reply)
        WHERE relay_destination.domain = held.domain AND (held_until IS NULL OR held_until <= now())
        """)
}
