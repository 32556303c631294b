import PostgreSQL

/// `$2` of the statements that take a scope is the account that asks, or NULL for an admin.
extension WatchStore {
    struct ScopedStatement {
        let statement: PreparedStatement
        let takesScope: Bool
    }

    static let newestOfAll = PreparedStatement(
        "watch_newest", "SELECT mail_id FROM mail WHERE mail_id < $1 ORDER BY mail_id DESC LIMIT $2")

    /// `$4`: how many of a mailbox's last UIDs are looked at, so that a plan made without statistics does not read and
    /// sort the whole mailbox.
    static let newestOfAccount = PreparedStatement(
        "watch_newest_of_account",
        """
        SELECT mail_id FROM (
            SELECT f.mail_id
            FROM (SELECT mailbox_id FROM mailbox WHERE account_id = $3 ORDER BY mailbox_id LIMIT 200) AS b
            CROSS JOIN LATERAL (
                SELECT max(uid) AS last FROM mailbox_message WHERE account_id = $3 AND mailbox_id = b.mailbox_id
            ) AS t
            CROSS JOIN LATERAL (
                SELECT m.mail_id FROM mailbox_message m
                WHERE m.account_id = $3 AND m.mailbox_id = b.mailbox_id AND m.uid > t.last - $4 AND m.mail_id < $1
                ORDER BY m.uid DESC LIMIT $2
            ) AS f
            UNION
            (SELECT mail_id FROM mail WHERE account_id = $3 AND origin = 2 AND mail_id < $1
            ORDER BY mail_id DESC LIMIT $2)
            UNION
            SELECT r.mail_id
            FROM (SELECT mail_id FROM work WHERE mail_id < $1 ORDER BY mail_id DESC LIMIT 2000) AS w
            CROSS JOIN LATERAL (
                SELECT mail_id FROM recipient WHERE mail_id = w.mail_id AND account_id = $3 LIMIT 1
            ) AS r
        ) AS own
        ORDER BY mail_id DESC LIMIT $2
        """)

    /// `$2`: days before the oldest of the mails came are not looked at.
    static let countEvents = PreparedStatement(
        "watch_count_events",
        "SELECT mail_id, count(*) FROM mail_event WHERE mail_id = ANY ($1::uuid[]) AND at >= $2 GROUP BY mail_id")

    static let findVisible = PreparedStatement(
        "watch_find_visible",
        """
        SELECT coalesce(account_id = $2, false),
            ARRAY(SELECT recipient::text FROM recipient WHERE mail_id = $1 AND account_id = $2),
            EXISTS (SELECT FROM mailbox_message WHERE mail_id = $1 AND account_id = $2)
        FROM mail WHERE mail_id = $1
        """)

    /// A summary of thousands of parts is not read for its subject.
    static let loadHeads = ScopedStatement(
        statement: PreparedStatement(
            "watch_load_heads",
            """
            SELECT m.mail_id, m.received_at, m.origin, m.envelope_from, m.size,
                CASE WHEN octet_length(m.summary) <= 65536 THEN m.summary END,
                $2::bigint IS NULL OR coalesce(m.account_id = $2, false)
            FROM mail m WHERE m.mail_id = ANY ($1::uuid[])
            """), takesScope: true)

    static let loadRecipients = ScopedStatement(
        statement: PreparedStatement(
            "watch_load_recipients",
            """
            SELECT q.mail_id, r.recipient, r.address, r.shown
            FROM unnest($1::uuid[]) AS q(mail_id)
            CROSS JOIN LATERAL (
                SELECT recipient, address, count(*) OVER () AS shown FROM recipient
                WHERE mail_id = q.mail_id
                    AND ($2::bigint IS NULL OR account_id = $2
                        OR EXISTS (SELECT FROM mail WHERE mail.mail_id = q.mail_id AND mail.account_id = $2))
                ORDER BY recipient LIMIT 10
            ) AS r
            """), takesScope: true)

    static let loadVerdicts = ScopedStatement(
        statement: PreparedStatement(
            "watch_load_verdicts",
            "SELECT mail_id, label, probability, category FROM verdict WHERE mail_id = ANY ($1::uuid[])"),
        takesScope: false)

    /// Days before the mail came are not looked at.
    static let loadEvents = ScopedStatement(
        statement: PreparedStatement(
            "watch_load_events",
            """
            SELECT q.mail_id, e.event, e.at, e.recipient, e.detail
            FROM unnest($1::uuid[]) AS q(mail_id)
            CROSS JOIN LATERAL (SELECT received_at FROM mail WHERE mail_id = q.mail_id) AS m
            CROSS JOIN LATERAL (
                SELECT event, at, recipient, detail FROM mail_event
                WHERE mail_id = q.mail_id AND at >= m.received_at - interval '1 hour'
                ORDER BY at, event LIMIT 20
            ) AS e
            """), takesScope: false)

    static let loadWork = ScopedStatement(
        statement: PreparedStatement(
            "watch_load_work",
            """
            SELECT mail_id, recipient, stage, parked_at IS NOT NULL FROM work WHERE mail_id = ANY ($1::uuid[])
            """), takesScope: false)

    /// Of an account's own mails among the newest unfinished ones.
    static let countOwnWork = PreparedStatement(
        "watch_count_own_work",
        """
        SELECT w.stage, count(*) FILTER (WHERE w.parked_at IS NULL), count(w.parked_at),
            extract(epoch FROM now() - min(w.created_at))::float8
        FROM (SELECT mail_id, recipient, stage, parked_at, created_at FROM work ORDER BY mail_id DESC LIMIT 2000) AS w
        CROSS JOIN LATERAL (
            SELECT 1 WHERE
                EXISTS (
                    SELECT FROM recipient r
                    WHERE r.mail_id = w.mail_id AND r.account_id = $1
                        AND (w.recipient = 0 OR r.recipient = w.recipient))
                OR EXISTS (SELECT FROM mail m WHERE m.mail_id = w.mail_id AND m.account_id = $1)
        ) AS own
        GROUP BY w.stage ORDER BY w.stage
        """)

    static let listParked = PreparedStatement(
        "watch_list_parked",
        """
        SELECT w.mail_id, w.recipient, w.stage, w.attempts, extract(epoch FROM now() - w.parked_at)::float8,
            w.last_error
        FROM (SELECT * FROM work WHERE parked_at IS NOT NULL ORDER BY parked_at LIMIT 2000) AS w
        WHERE $1::bigint IS NULL
            OR EXISTS (
                SELECT FROM recipient r
                WHERE r.mail_id = w.mail_id AND r.account_id = $1 AND (w.recipient = 0 OR r.recipient = w.recipient))
            OR EXISTS (SELECT FROM mail m WHERE m.mail_id = w.mail_id AND m.account_id = $1)
        ORDER BY w.parked_at LIMIT $2
        """)
}
