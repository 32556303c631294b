import PostgreSQL

// Look-ups are by key for each row (LATERAL with OFFSET 0, ctid): a prepared plan made while the tables were small must
// not read all of them once they are large. `stage + 0` and `fence + 0` keep such a plan from an index of the stage or of
// what is free, which in a small table looks as good as the key. Rows found by ctid cannot move: their destination is
// locked, or they are.
extension RelayStore {
    // MARK: - Destinations

    static let lockDestination = PreparedStatement(
        "relay_lock_destination",
        """
        SELECT held_until IS NOT NULL AND held_until > now(), last_reply FROM relay_destination
        WHERE domain = $1 FOR UPDATE
        """)

    static let lockDestinations = PreparedStatement(
        "relay_lock_destinations",
        """
        WITH wanted AS MATERIALIZED (SELECT domain FROM unnest($1::text[]) AS name (domain) ORDER BY domain)
        SELECT found.domain FROM wanted CROSS JOIN LATERAL (
            SELECT domain FROM relay_destination WHERE relay_destination.domain = wanted.domain FOR UPDATE
        ) AS found
        """)

    /// When somebody should look at each domain again. Run last in a transaction that holds the domains' locks. A held
    /// domain still wants a look when the time of a copy is over.
    static let refresh = PreparedStatement(
        "relay_refresh",
        """
        UPDATE relay_destination SET changed_at = now(), next_at = CASE
            WHEN seen.due_at IS NOT NULL THEN least(greatest(seen.due_at, held_until), seen.expires_at) END
        FROM unnest($1::text[]) AS wanted (domain) CROSS JOIN LATERAL (
            SELECT (
                SELECT due_at FROM relay_copy c WHERE c.domain = wanted.domain AND c.fence = 0 ORDER BY due_at LIMIT 1
            ) AS due_at, (
                SELECT expires_at FROM relay_copy c WHERE c.domain = wanted.domain AND c.fence = 0
                ORDER BY expires_at LIMIT 1
            ) AS expires_at OFFSET 0
        ) AS seen
        WHERE relay_destination.domain = wanted.domain
        """)

    /// A destination without a free slot is nobody's business until one is given back.
    static let nextLook = PreparedStatement(
        "relay_next_look",
        """
        SELECT extract(epoch FROM (
                SELECT next_at FROM relay_destination
                WHERE next_at IS NOT NULL AND (written_at IS NOT NULL OR $3)
                    AND (SELECT count(*) FROM relay_lease l WHERE l.domain = relay_destination.domain) < $1
                ORDER BY next_at LIMIT 1
            ) - now())::float8,
            extract(epoch FROM (SELECT min(until) FROM relay_lease WHERE fence <> ALL ($2::bigint[])) - now())::float8
        """)

    static let forgetDestinations = PreparedStatement(
        "relay_forget_destinations",
        """
        DELETE FROM relay_destination d
        WHERE next_at IS NULL AND changed_at < now() - interval '1 day'
            AND NOT EXISTS (SELECT FROM relay_lease l WHERE l.domain = d.domain)
            AND NOT EXISTS (SELECT FROM relay_copy c WHERE c.domain = d.domain AND c.fence = 0)
        """)

    // MARK: - Admission

    /// The domain is what stands behind the last @, in lower case. Locked by the (void) update. Besides those of
    /// `admitCopies`, the domains of copies that are over and that nobody has ended: refreshing is what they lack.
    static let lockNewDestinations = PreparedStatement(
        "relay_lock_new_destinations",
        """
        INSERT INTO relay_destination (domain)
        SELECT DISTINCT lower(substring(receiver.address FROM '[^@]*$')) AS domain
        FROM unnest($1::uuid[]) AS wanted (mail_id)
        CROSS JOIN LATERAL (
            SELECT work.mail_id, work.recipient, next_hint_at FROM work
            WHERE work.mail_id = wanted.mail_id AND work.stage + 0 = 3 AND work.parked_at IS NULL OFFSET 0
        ) AS unfinished
        CROSS JOIN LATERAL (
            SELECT address FROM recipient
            WHERE recipient.mail_id = unfinished.mail_id AND recipient.recipient = unfinished.recipient OFFSET 0
        ) AS receiver
        LEFT JOIN LATERAL (
            SELECT expires_at, fence FROM relay_copy
            WHERE relay_copy.mail_id = unfinished.mail_id AND relay_copy.recipient = unfinished.recipient OFFSET 0
        ) AS known ON true
        WHERE known.expires_at IS NULL OR known.fence = -1 OR unfinished.next_hint_at <= known.expires_at
            OR known.fence = 0 AND known.expires_at <= now()
        ORDER BY domain
        ON CONFLICT (domain) DO UPDATE SET changed_at = now()
        RETURNING domain
        """)

    static let lockFreshWork = PreparedStatement(
        "relay_lock_fresh_work",
        """
        SELECT mail_id FROM work WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = 3 AND parked_at IS NULL
        ORDER BY mail_id, recipient, stage FOR UPDATE
        """)

    /// From here on the destination says when the copy is due; the next hint is an alarm for a copy that nobody ended.
    /// That it is later than the copy's expiry is how an admitted copy is known from one that an operator made due. One
    /// that was parked and is not any more was made due by an operator, however late.
    static let admitCopies = PreparedStatement(
        "relay_admit_copies",
        """
        WITH fresh AS MATERIALIZED (
            SELECT unfinished.*, lower(substring(receiver.address FROM '[^@]*$')) AS domain,
                known.expires_at IS NOT NULL AS is_known
            FROM unnest($1::uuid[]) AS wanted (mail_id)
            CROSS JOIN LATERAL (
                SELECT work.mail_id, work.recipient, work.next_hint_at, work.ctid AS place FROM work
                WHERE work.mail_id = wanted.mail_id AND work.stage + 0 = 3 AND work.parked_at IS NULL OFFSET 0
            ) AS unfinished
            CROSS JOIN LATERAL (
                SELECT address FROM recipient
                WHERE recipient.mail_id = unfinished.mail_id AND recipient.recipient = unfinished.recipient OFFSET 0
            ) AS receiver
            LEFT JOIN LATERAL (
                SELECT expires_at, fence FROM relay_copy
                WHERE relay_copy.mail_id = unfinished.mail_id AND relay_copy.recipient = unfinished.recipient OFFSET 0
            ) AS known ON true
            WHERE known.expires_at IS NULL OR known.fence = -1 OR unfinished.next_hint_at <= known.expires_at
        ), admitted AS (
            INSERT INTO relay_copy (mail_id, recipient, domain, due_at, expires_at)
            SELECT mail_id, recipient, domain, now(), now() + $3::float8 * interval '1 s' FROM fresh
            WHERE domain = ANY ($2::text[])
            ON CONFLICT (mail_id, recipient) DO UPDATE SET starts = 0,
                due_at = CASE WHEN relay_copy.fence <= 0 THEN now() ELSE relay_copy.due_at END,
                expires_at = greatest(relay_copy.expires_at, now()),
                fence = greatest(relay_copy.fence, 0)
            RETURNING mail_id, recipient, domain, expires_at
        ), settled AS (
            UPDATE work SET next_hint_at = greatest(admitted.expires_at, now()) + interval '1 hour', attempts = 0
            FROM admitted JOIN fresh USING (mail_id, recipient)
            WHERE work.ctid = fresh.place
        ), freed AS (
            UPDATE relay_destination SET held_until = NULL
            FROM (
                SELECT DISTINCT admitted.domain FROM admitted JOIN fresh USING (mail_id, recipient) WHERE fresh.is_known
            ) AS again
            WHERE relay_destination.domain = again.domain AND held_until IS NOT NULL
        )
        SELECT mail_id FROM admitted
        """)

    /// A hint of an admitted copy that is given out again was counted as a try, and nothing was tried.
    static let forgiveAdmitted = PreparedStatement(
        "relay_forgive_admitted",
        """
        WITH wanted AS MATERIALIZED (
            SELECT DISTINCT mail_id FROM unnest($1::uuid[]) AS hinted (mail_id) ORDER BY mail_id
        ), counted AS MATERIALIZED (
            SELECT unfinished.place FROM wanted CROSS JOIN LATERAL (
                SELECT work.ctid AS place FROM work CROSS JOIN LATERAL (
                    SELECT true AS is_known FROM relay_copy
                    WHERE relay_copy.mail_id = work.mail_id AND relay_copy.recipient = work.recipient OFFSET 0
                ) AS known
                WHERE work.mail_id = wanted.mail_id AND work.stage + 0 = 3 AND work.parked_at IS NULL AND work.attempts > 0
                ORDER BY work.recipient FOR UPDATE OF work
            ) AS unfinished
        )
        UPDATE work SET attempts = 0 WHERE ctid = ANY (ARRAY(SELECT place FROM counted))
        """)

    /// From now on the domains are such as an account of ours has written to. Run in a transaction that holds the locks
    /// of the domains ($2).
    static let noteWritten = PreparedStatement(
        "relay_note_written",
        """
        UPDATE relay_destination SET written_at = now()
        FROM (
            SELECT DISTINCT lower(substring(receiver.address FROM '[^@]*$')) AS domain
            FROM unnest($1::uuid[]) AS wanted (mail_id)
            CROSS JOIN LATERAL (
                SELECT mail_id FROM mail WHERE mail.mail_id = wanted.mail_id AND mail.origin = 2 OFFSET 0
            ) AS submitted
            CROSS JOIN LATERAL (
                SELECT address FROM recipient
                WHERE recipient.mail_id = submitted.mail_id AND recipient.account_id IS NULL OFFSET 0
            ) AS receiver
        ) AS target
        WHERE relay_destination.domain = target.domain AND target.domain = ANY ($2::text[]) AND written_at IS NULL
        """)

    // MARK: - Leases

    /// A destination that gets a lease is nobody else's business until its holder has claimed copies, which takes
    /// milliseconds and says how many are left.
    static let takeLeases = PreparedStatement(
        "relay_take_leases",
        """
        WITH known AS MATERIALIZED (
            SELECT domain, next_at, true AS is_written_to FROM relay_destination
            WHERE next_at <= now() AND written_at IS NOT NULL
                AND (SELECT count(*) FROM relay_lease l WHERE l.domain = relay_destination.domain) < $3
            ORDER BY next_at LIMIT $4 FOR UPDATE SKIP LOCKED
        ), strange AS MATERIALIZED (
            SELECT domain, next_at, false AS is_written_to FROM relay_destination
            WHERE next_at <= now() AND written_at IS NULL
                AND (SELECT count(*) FROM relay_lease l WHERE l.domain = relay_destination.domain) < $3
            ORDER BY next_at LIMIT $5 FOR UPDATE SKIP LOCKED
        ), ready AS MATERIALIZED (
            SELECT domain, is_written_to FROM (SELECT * FROM known UNION ALL SELECT * FROM strange) AS due
            ORDER BY next_at LIMIT $4
        ), noted AS (
            UPDATE relay_destination SET next_at = now() + interval '5 s' FROM ready
            WHERE relay_destination.domain = ready.domain
        )
        INSERT INTO relay_lease (domain, slot, fence, holder, until)
        SELECT ready.domain, free.slot, nextval('relay_fence_seq'), $1, now() + $2::float8 * interval '1 s'
        FROM ready CROSS JOIN LATERAL (
            SELECT slot FROM generate_series(0, $3 - 1) AS slot
            WHERE NOT EXISTS (SELECT FROM relay_lease l WHERE l.domain = ready.domain AND l.slot = slot.slot)
            ORDER BY slot LIMIT 1
        ) AS free
        ON CONFLICT (domain, slot) DO NOTHING
        RETURNING domain, fence, (SELECT is_written_to FROM ready WHERE ready.domain = relay_lease.domain)
        """)

    /// A lease that has run out is not renewed, even if nobody has taken it away yet.
    static let renewLeases = PreparedStatement(
        "relay_renew_leases",
        """
        UPDATE relay_lease SET until = now() + $3::float8 * interval '1 s'
        WHERE fence = ANY ($1::bigint[]) AND holder = $2 AND until > now()
        RETURNING fence
        """)

    static let findExpired = PreparedStatement(
        "relay_find_expired",
        """
        SELECT domain, fence FROM relay_lease WHERE until <= now() AND fence <> ALL ($2::bigint[])
        ORDER BY until LIMIT $1
        """)

    static let dropLease = PreparedStatement(
        "relay_drop_lease", "DELETE FROM relay_lease WHERE fence = $1 AND (NOT $2 OR until <= now()) RETURNING fence")

    /// - $2: the attempts that are taken back: one when nothing was begun with the copies.
    static let freeCopies = PreparedStatement(
        "relay_free_copies",
        "UPDATE relay_copy SET fence = 0, starts = greatest(starts - $2, 0) WHERE fence = $1 AND fence > 0")

    static let isLeaseAlive = PreparedStatement(
        "relay_lease_alive", "SELECT until > now() FROM relay_lease WHERE fence = $1 FOR UPDATE")
}
