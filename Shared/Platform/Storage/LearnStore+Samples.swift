package import MailCore
import PostgreSQL

/// The operator's side of learning: mail that is not in any mailbox here (`martlet train`).
extension LearnStore {
    /// What a training run says of all its mails.
    package struct Labelling: Sendable {
        package var label: Verdict.Label
        package var category: Verdict.Category?
        /// In whose name; `nil`: the operator's own.
        package var account: AccountID?

        package init(label: Verdict.Label, category: Verdict.Category? = nil, account: AccountID? = nil) {
            self.label = label
            self.category = category
            self.account = account
        }
    }

    package struct Added: Sendable {
        package var lessons = 0
        /// The newest of them.
        package var last: Int64?
    }

    /// Stores samples as lessons. A mail that was given before with the same label is left out, so that a run that was
    /// broken off can be started again.
    /// - Parameter samples: beginnings of mails, at most `sampleBytes` each.
    package func add(_ samples: [[UInt8]], _ labelling: Labelling) async throws -> Added {
        guard !samples.isEmpty else { return Added() }
        return try await pool.transaction { connection in
            // Two runs over the same folder must not both find it new.
            _ = try connection.execute(Self.lockSamples, [.int8(Self.advisoryLock)])
            let rows = try connection.execute(
                Self.insertSamples,
                [
                    .byteaArray(samples), .text(labelling.label.rawValue),
                    .optional(text: labelling.category?.rawValue), .optional(int8: labelling.account?.value),
                    .int2(LessonSource.operatorTraining.rawValue),
                ])
            guard let row = rows.first else { return Added() }
            return Added(lessons: Int(try row.int8(0)), last: try row.optionalInt8(1))
        }
    }

    /// How many lessons of samples wait, up to one of them.
    package func waitingSamples(upTo event: Int64 = .max) async throws -> Int {
        try await pool.withConnection { connection in
            Int(try connection.execute(Self.countSamples, [.int8(event)]).first?.int8(0) ?? 0)
        }
    }

    /// Any number; every run asks for the same.
    private static let advisoryLock: Int64 = 0x6D61_7274_6C65_7404

    private static let lockSamples = PreparedStatement("learn_lock_samples", "SELECT pg_advisory_xact_lock($1)")

    private static let insertSamples = PreparedStatement(
        "learn_insert_samples",
        """
        WITH given AS MATERIALIZED (
            SELECT sha256(bytes) AS digest, min(place) AS place
            FROM unnest($1::bytea[]) WITH ORDINALITY AS sample (bytes, place) GROUP BY 1
        ), fresh AS MATERIALIZED (
            SELECT given.digest, given.place FROM given
            WHERE coalesce((
                SELECT before.label || coalesce(' ' || before.category, '') FROM learn_event before
                WHERE before.digest = given.digest AND (before.outcome IS NULL OR before.outcome = 'learnt')
                ORDER BY before.event_id DESC LIMIT 1), '') <> $2 || coalesce(' ' || $3, '')
        ), noted AS (
            INSERT INTO learn_event (digest, label, category, account_id, source)
            SELECT digest, $2, $3, $4, $5 FROM fresh ORDER BY place
            RETURNING event_id, digest
        ), stored AS (
            INSERT INTO learn_sample (event_id, bytes)
            SELECT noted.event_id, ($1::bytea[])[fresh.place::integer] FROM noted JOIN fresh USING (digest)
        )
        SELECT count(*), max(event_id) FROM noted
        """)

    private static let countSamples = PreparedStatement(
        "learn_count_samples",
        "SELECT count(*) FROM learn_event WHERE outcome IS NULL AND source = 3 AND event_id <= $1")
}
