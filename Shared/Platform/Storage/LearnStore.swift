import MailCore
package import PostgreSQL

/// The trainer's side of learning: what waits, and the one transaction that makes a model version of it.
package struct LearnStore: Sendable {
    /// More of a mail is never looked at (`MailSample.maximumBytes`), so no more of a sample is kept.
    package static let sampleBytes = 64 << 10

    let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// Lessons of a model line that nobody has settled, in the order in which they were given: no more than `limit`, and
    /// than have their summaries in 4 MiB, but one if there is one.
    package func waiting(_ kind: String, after event: Int64, limit: Int) async throws -> [WaitingLesson] {
        try await pool.withConnection { connection in
            let values: [PostgresValue] = [
                .text(kind), .int8(event), .int4(Int32(clamping: limit)), .int4(Int32(Self.sampleBytes)),
            ]
            return try connection.execute(Self.readWaiting, values).map { try WaitingLesson($0) }
        }
    }

    /// A trainer begins with these, and is still at work on others: for 20 s nobody else touches them.
    package func begin(_ events: [Int64], besides others: [Int64] = []) async throws {
        guard !events.isEmpty else { return }
        let all = PostgresValue.int8Array((events + others).sorted())
        try await change(all, (Self.beginEvents, [all, .int8Array(events)]))
    }

    /// It came back without having learnt them: no fault of theirs.
    package func release(_ events: [Int64]) async throws {
        guard !events.isEmpty else { return }
        let all = PostgresValue.int8Array(events.sorted())
        try await change(all, (Self.releaseEvents, [all]))
    }

    private func change(_ events: PostgresValue, _ call: PostgresConnection.Call) async throws {
        _ = try await pool.transaction { try $0.commit(after: [(Self.lockEvents, [events]), call]).count }
    }

    package func waitingCount(_ kind: String) async throws -> Int {
        try await pool.withConnection { connection in
            Int(try connection.execute(Self.countWaiting, [.text(kind)]).first?.int8(0) ?? 0)
        }
    }

    /// Ends lessons that are not learnt.
    package func settle(_ lessons: [(event: Int64, outcome: LessonOutcome)]) async throws {
        guard !lessons.isEmpty else { return }
        let sorted = lessons.sorted { $0.event < $1.event }
        try await pool.transaction { connection in
            let events = PostgresValue.int8Array(sorted.map(\.event))
            _ = try connection.commit(after: [
                (Self.lockEvents, [events]), (Self.settleEvents, [events, .textArray(sorted.map(\.outcome.rawValue))]),
                (Self.dropSamples, [events]),
            ])
        }
    }

    /// Deletes lessons that were settled so long ago and not learnt: who moves mail to and fro makes any number of them.
    package func forgetRefused(after age: Duration = .seconds(30 * 86_400)) async throws {
        _ = try await pool.withConnection { try $0.execute(Self.dropRefused, [.float8(age.inSeconds)]).affected }
    }

    /// A model version and the lessons that are new in it.
    package struct Version: Sendable {
        package var kind: String
        /// The version it was made from; the new one is `base + 1`.
        package var base: Int64
        package var parameters: [UInt8]
        package var meta: String
        /// Rising.
        package var lessons: [Int64]
        /// So many of the newest versions stay.
        package var keep: Int

        package init(kind: String, base: Int64, parameters: [UInt8], meta: String, lessons: [Int64], keep: Int) {
            self.kind = kind
            self.base = base
            self.parameters = parameters
            self.meta = meta
            self.lessons = lessons
            self.keep = keep
        }
    }

    /// The model version and the outcome of its lessons commit together or not at all: not if another trainer made
    /// that version, nor if one of the lessons has been settled meanwhile.
    /// - Returns: whether they have.
    package func publish(_ version: Version) async throws -> Bool {
        struct Overtaken: Error {}
        let events = PostgresValue.int8Array(version.lessons)
        do {
            try await pool.transaction { connection in
                guard try connection.execute(Self.lockEvents, [events]).count == version.lessons.count else {
                    throw Overtaken()
                }
                let made = try connection.execute(
                    ModelStore.insert,
                    [.text(version.kind), .int8(version.base), .bytea(version.parameters), .jsonb(version.meta)])
                guard made.count == 1 else { throw Overtaken() }
                let number = version.base + 1
                _ = try connection.commit(after: [
                    (Self.markLearnt, [events, .int8(number)]), (Self.dropSamples, [events]),
                    (ModelStore.prune, [.text(version.kind), .int8(number - Int64(max(1, version.keep)))]),
                ])
            }
            return true
        } catch is Overtaken {
            return false
        }
    }
}

extension LearnStore {
    // Look-ups are by key for each lesson (LATERAL with LIMIT, scalar subqueries), whatever plan was cached.
    private static let readWaiting = PreparedStatement(
        "learn_waiting",
        """
        SELECT e.event_id, e.mail_id, e.account_id, e.source, e.label, e.category,
            e.account_id IS NOT NULL AND (
                SELECT count(*) FROM learn_event later
                WHERE later.mail_id = e.mail_id AND later.account_id = e.account_id AND later.kind = e.kind
                    AND later.event_id > e.event_id AND later.outcome IS NULL) > 0,
            (SELECT before.label FROM learn_event before
                WHERE before.mail_id = e.mail_id AND before.account_id = e.account_id AND before.kind = e.kind
                    AND before.outcome = 'learnt'
                ORDER BY before.event_id DESC LIMIT 1),
            (SELECT count(*) FROM learn_event before
                WHERE before.mail_id = e.mail_id AND before.account_id = e.account_id AND before.kind = e.kind
                    AND before.outcome = 'learnt'),
            (SELECT count(*) FROM learn_event day
                WHERE day.account_id = e.account_id AND day.outcome = 'learnt' AND day.kind = e.kind AND day.source <> 3
                    AND day.noted_at > e.noted_at - interval '1 day' AND day.noted_at <= e.noted_at),
            e.origin, e.envelope_from, e.summary,
            coalesce(
                (SELECT substring(chunk.bytes FROM 1 FOR $4) FROM body_chunk chunk
                    WHERE chunk.body_id = e.body_id AND chunk.seq = 0),
                (SELECT sample.bytes FROM learn_sample sample WHERE sample.event_id = e.event_id)),
            e.tries, coalesce(e.lease_until > now(), false), e.noted_at
        FROM (
            SELECT event.*, mail.origin, mail.envelope_from, mail.summary, mail.body_id, row_number() OVER sofar AS place,
                sum(coalesce(octet_length(mail.summary), 0)) OVER sofar AS bytes
            FROM (
                SELECT * FROM learn_event WHERE outcome IS NULL AND kind = $1 AND event_id > $2
                ORDER BY event_id LIMIT $3
            ) AS event
            LEFT JOIN LATERAL (SELECT * FROM mail WHERE mail.mail_id = event.mail_id LIMIT 1) AS mail ON true
            WINDOW sofar AS (ORDER BY event.event_id ROWS UNBOUNDED PRECEDING)
        ) AS e
        WHERE place = 1 OR bytes <= 4194304
        ORDER BY e.event_id
        """)

    private static let beginEvents = PreparedStatement(
        "learn_begin",
        """
        UPDATE learn_event SET lease_until = now() + interval '20 s',
            tries = tries + CASE WHEN event_id = ANY ($2::bigint[]) THEN 1 ELSE 0 END
        WHERE event_id = ANY ($1::bigint[]) AND outcome IS NULL
        """)

    private static let releaseEvents = PreparedStatement(
        "learn_release",
        """
        UPDATE learn_event SET tries = greatest(tries - 1, 0), lease_until = NULL
        WHERE event_id = ANY ($1::bigint[]) AND outcome IS NULL
        """)

    private static let countWaiting = PreparedStatement(
        "learn_count_waiting", "SELECT count(*) FROM learn_event WHERE outcome IS NULL AND kind = $1")

    private static let lockEvents = PreparedStatement(
        "learn_lock",
        """
        SELECT event_id FROM learn_event WHERE event_id = ANY ($1::bigint[]) AND outcome IS NULL
        ORDER BY event_id FOR UPDATE
        """)

    private static let dropRefused = PreparedStatement(
        "learn_drop_refused",
        """
        DELETE FROM learn_event WHERE event_id = ANY (ARRAY(
            SELECT event_id FROM learn_event
            WHERE outcome <> 'learnt' AND settled_at < now() - make_interval(secs => $1)
            ORDER BY settled_at LIMIT 10000))
        """)

    private static let settleEvents = PreparedStatement(
        "learn_settle",
        """
        UPDATE learn_event SET outcome = settled.outcome, settled_at = now()
        FROM unnest($1::bigint[], $2::text[]) AS settled (event_id, outcome)
        WHERE learn_event.event_id = settled.event_id AND learn_event.outcome IS NULL
        """)

    private static let markLearnt = PreparedStatement(
        "learn_mark",
        """
        WITH learnt AS (
            UPDATE learn_event SET outcome = 'learnt', learnt_version = $2, settled_at = now()
            WHERE event_id = ANY ($1::bigint[])
            RETURNING mail_id, account_id, label
        )
        INSERT INTO mail_event (mail_id, event, detail)
        SELECT mail_id, 'learnt', jsonb_build_object('model', $2::bigint, 'label', label, 'account', account_id)
        FROM learnt WHERE mail_id IS NOT NULL
        """)

    private static let dropSamples = PreparedStatement(
        "learn_drop_samples", "DELETE FROM learn_sample WHERE event_id = ANY ($1::bigint[])")
}
