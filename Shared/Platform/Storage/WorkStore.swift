package import MailCore
package import PostgreSQL

/// The unfinished work: which mails are due for a hint, how often a mail was tried, what is parked.
///
/// How a stage *finishes* its work is written with that stage; here is what holds for all of them.
package struct WorkStore: Sendable {
    let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// A mail whose stage should be told again.
    package struct DueMail: Sendable, Hashable {
        package let mail: MailID
        package let traceparent: TraceParent
        /// Of a mail that goes on without a verdict: it has copies for other hosts.
        package let hasForeignCopies: Bool

        package init(mail: MailID, traceparent: TraceParent, hasForeignCopies: Bool = false) {
            self.mail = mail
            self.traceparent = traceparent
            self.hasForeignCopies = hasForeignCopies
        }
    }

    /// What the sweeper needs to know to plan its next step; a handful of index look-ups.
    package struct Outlook: Sendable, Hashable {
        /// Until the next hint of each stage is due, negative when it is overdue; no entry when there is no work.
        package var untilDue: [Stage: Duration]
        /// The oldest mails without a verdict, parked ones included, oldest first.
        package var oldestUnclassified: [MailID]
        /// Of the first of them.
        package var oldestAge: Duration?

        package init(untilDue: [Stage: Duration] = [:], oldestUnclassified: [MailID] = [], oldestAge: Duration? = nil) {
            self.untilDue = untilDue
            self.oldestUnclassified = oldestUnclassified
            self.oldestAge = oldestAge
        }
    }

    package func outlook(watching count: Int) async throws -> Outlook {
        try await pool.withConnection { connection in
            let rows = try connection.pipeline([(Self.nextDue, []), (Self.oldest, [.int4(Int32(clamping: count))])])
            guard rows.count == 2, let due = rows[0].first else { throw PostgresError(.decoding, "no outlook") }
            var outlook = Outlook()
            for (column, stage) in Self.dueStages.enumerated() {
                if let seconds = try due.optionalFloat8(column) { outlook.untilDue[stage] = .seconds(seconds) }
            }
            outlook.oldestUnclassified = try rows[1].map { try $0.mailID(0) }
            outlook.oldestAge = try rows[1].first.map { .seconds(try $0.float8(1)) }
            return outlook
        }
    }

    /// Takes rows of one stage whose hint is due, oldest first, and puts off their next hint by twice the last interval
    /// (5 minutes at most). Rows that somebody works on right now are left alone. `nil` while another process sweeps.
    package func claimDue(_ stage: Stage, limit: Int) async throws -> [DueMail]? {
        try await pool.transaction { connection in
            guard try Self.isHolder(connection) else { return nil }
            let rows = try connection.execute(Self.claim, [.int2(stage.rawValue), .int4(Int32(clamping: limit))])
            return try rows.map { try DueMail(row: $0) }
        }
    }

    /// Fails open: mails that wait longer than `patience` for a verdict go on to filing without one. Their classify row
    /// becomes a `late` one, by which a verdict that still comes can add its label. `nil` while another process sweeps.
    /// - Parameter patience: `nil` for only those whose classification was given up, which go on in any case.
    package func failOpen(olderThan patience: Duration?, limit: Int) async throws -> [DueMail]? {
        try await pool.transaction { connection in
            guard try Self.isHolder(connection) else { return nil }
            let rows = try connection.execute(
                Self.promote, [patience.map { .float8($0.inSeconds) } ?? .null(.float8), .int4(Int32(clamping: limit))])
            return try rows.map { try DueMail(row: $0, hasForeignCopies: $0.bool(2)) }
        }
    }

    /// Ends the wait for verdicts of mails that were accepted more than a week ago.
    /// - Returns: how many, at most `limit`.
    package func endLate(limit: Int) async throws -> Int {
        try await pool.transaction { try $0.execute(Self.endLateRows, [.int4(Int32(clamping: limit))]).count }
    }

    /// One sweeper at a time: the lock lasts as long as the transaction, so that a vanished holder holds nothing.
    private static func isHolder(_ connection: isolated PostgresConnection) throws -> Bool {
        try connection.execute(tryLock, [.int8(advisoryLock)]).first?.bool(0) ?? false
    }

    /// Any number; every sweeper asks for the same.
    private static let advisoryLock: Int64 = 0x6D61_7274_6C65_7401

    /// The stages with hints, in the order of the columns of `nextDue`.
    private static let dueStages: [Stage] = [.classify, .file, .relay, .late, .relabel]
}

extension WorkStore.DueMail {
    init(row: PostgresRow, hasForeignCopies: Bool = false) throws {
        // A row that was damaged by hand still gets its hint.
        self.init(
            mail: try row.mailID(0), traceparent: TraceParent(try row.text(1)) ?? .start(),
            hasForeignCopies: hasForeignCopies)
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

// MARK: - Statements

extension WorkStore {
    private static let tryLock = PreparedStatement("work_try_lock", "SELECT pg_try_advisory_xact_lock($1)")

    // Unparked work is written here as the index `work_due` has it (M0019), and nowhere else.

    private static let nextDue = PreparedStatement(
        "work_next_due",
        """
        SELECT extract(epoch FROM (
                SELECT min(next_hint_at) FROM work
                WHERE stage = 1 AND coalesce(parked_at, 'infinity') = 'infinity') - now())::float8,
            extract(epoch FROM (
                SELECT min(next_hint_at) FROM work
                WHERE stage = 2 AND coalesce(parked_at, 'infinity') = 'infinity') - now())::float8,
            extract(epoch FROM (
                SELECT min(next_hint_at) FROM work
                WHERE stage = 3 AND coalesce(parked_at, 'infinity') = 'infinity') - now())::float8,
            extract(epoch FROM (
                SELECT min(next_hint_at) FROM work
                WHERE stage = 4 AND coalesce(parked_at, 'infinity') = 'infinity') - now())::float8,
            extract(epoch FROM (
                SELECT min(next_hint_at) FROM work
                WHERE stage = 5 AND coalesce(parked_at, 'infinity') = 'infinity') - now())::float8
        """)

    private static let oldest = PreparedStatement(
        "work_oldest",
        """
        SELECT mail_id, extract(epoch FROM now() - created_at)::float8 FROM work WHERE stage = 1
        ORDER BY created_at LIMIT $1
        """)

    /// A row that was changed after the statement began has another place when it is locked, and is told in the next turn.
    private static let claim = PreparedStatement(
        "work_claim",
        """
        WITH due AS MATERIALIZED (
            SELECT ctid AS place FROM work
            WHERE stage = $1 AND coalesce(parked_at, 'infinity') = 'infinity' AND next_hint_at <= now()
            ORDER BY next_hint_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), hinted AS (
            UPDATE work SET hint_interval = least(hint_interval * 2, interval '5 min'),
                next_hint_at = now() + least(hint_interval * 2, interval '5 min')
            WHERE ctid = ANY (ARRAY(SELECT place FROM due))
            RETURNING mail_id, created_at
        )
        SELECT mail.mail_id, mail.traceparent FROM mail
        JOIN (SELECT mail_id, min(created_at) AS created_at FROM hinted GROUP BY mail_id) AS told USING (mail_id)
        ORDER BY told.created_at, mail.mail_id
        """)

    private static let endLateRows = PreparedStatement(
        "work_end_late",
        """
        WITH old AS MATERIALIZED (
            SELECT mail_id, recipient FROM work WHERE stage = 4 AND created_at < now() - interval '7 days'
            ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM work USING old
            WHERE work.mail_id = old.mail_id AND work.recipient = old.recipient AND work.stage = 4
            RETURNING work.mail_id
        ), released AS (
            INSERT INTO body_release (body_id, due_at)
            SELECT body_id, now() + interval '1 day'
            FROM (SELECT DISTINCT body_id FROM mail JOIN gone USING (mail_id) ORDER BY body_id) AS bodies
            ON CONFLICT (body_id) DO UPDATE SET due_at = greatest(body_release.due_at, excluded.due_at)
        )
        SELECT mail_id FROM gone
        """)

    /// A row that a classifyd is just finishing is locked, and skipped: its verdict came in time.
    private static let promote = PreparedStatement(
        "work_promote",
        """
        WITH overdue AS MATERIALIZED (
            (SELECT mail_id FROM work
            WHERE stage = 1 AND recipient = 0 AND created_at <= now() - $1::float8 * interval '1 s'
            ORDER BY created_at LIMIT $2)
            UNION
            (SELECT mail_id FROM work WHERE stage = 1 AND recipient = 0 AND parked_at IS NOT NULL
            ORDER BY parked_at LIMIT $2)
        ), locked AS MATERIALIZED (
            SELECT mail_id FROM work
            WHERE stage = 1 AND recipient = 0 AND mail_id IN (SELECT mail_id FROM overdue)
            ORDER BY mail_id FOR UPDATE SKIP LOCKED
        ), late AS (
            UPDATE work SET stage = 4, hint_interval = interval '1 min', next_hint_at = now() + interval '1 min'
            FROM locked WHERE work.mail_id = locked.mail_id AND work.recipient = 0 AND work.stage = 1
            RETURNING work.mail_id, work.created_at, work.parked_at
        ), copies AS (
            INSERT INTO work (mail_id, recipient, stage, next_hint_at)
            SELECT late.mail_id, recipient.recipient, CASE WHEN recipient.account_id IS NULL THEN 3 ELSE 2 END,
                now() + interval '10 s'
            FROM late JOIN recipient USING (mail_id)
            ON CONFLICT DO NOTHING
            RETURNING mail_id, stage
        ), told AS (
            INSERT INTO mail_event (mail_id, event, detail)
            SELECT mail_id, 'unclassified', jsonb_build_object(
                'reason', CASE WHEN parked_at IS NULL THEN 'no verdict in time' ELSE 'classification failed' END,
                'waited', round(extract(epoch FROM now() - created_at), 1))
            FROM late
        )
        SELECT mail.mail_id, mail.traceparent, 3 IN (SELECT stage FROM copies WHERE copies.mail_id = late.mail_id)
        FROM late JOIN mail USING (mail_id) ORDER BY late.created_at, mail.mail_id
        """)
}
