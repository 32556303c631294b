package import MailCore
import PostgreSQL

/// Tries of a mail at a stage, counted here and not by the broker.
extension WorkStore {
    /// After so many failures a mail is parked.
    package static let maximumAttempts = 5

    package enum Attempt: Sendable, Hashable {
        /// The number of this attempt, from 1.
        case begun(Int)
        /// There is no work for this mail at these stages, or it is parked.
        case noWork
        /// All tries were used, the last ones without an answer (the process died with it).
        case exhausted
    }

    /// Counts an attempt, committed before the attempt is made, so that a mail that kills its worker is found out.
    package func beginAttempt(_ mail: MailID, _ stages: [Stage]) async throws -> Attempt {
        guard let highest = try await change(Self.begin, [mail], stages).max() else { return .noWork }
        return highest > Self.maximumAttempts ? .exhausted : .begun(Int(highest))
    }

    /// Counts the first attempt of those among the mails that have had none, all committed before they are made. Only
    /// once: a mail that has been tried is tried alone from then on.
    /// - Returns: the mails to attempt together; the rest has been tried, is finished or parked.
    package func beginFirstAttempts(_ mails: [MailID], _ stages: [Stage]) async throws -> Set<MailID> {
        try await pool.transaction { connection in
            var tries: [MailID: Int16] = [:]
            for row in try connection.execute(Self.lock, Self.key(mails, stages)) {
                let mail = try row.mailID(0)
                tries[mail] = max(tries[mail] ?? 0, try row.int2(1))
            }
            let fresh = tries.filter { $0.value == 0 }.map(\.key)
            if !fresh.isEmpty { _ = try connection.commit(after: [(Self.beginTogether, Self.key(fresh, stages))]) }
            return Set(fresh)
        }
    }

    /// Takes an attempt back that failed for a reason outside the mails (storage was away).
    package func forgiveAttempt(_ mails: [MailID], _ stages: [Stage]) async throws {
        _ = try await change(Self.forgive, mails, stages)
    }

    /// Keeps the reason for the operator. The next try comes soon (2, 4, 8, 16 s): a mail that can't be done is to be
    /// parked within a minute, and a mail that can is not to wait for minutes.
    package func recordFailure(_ mail: MailID, _ stages: [Stage], reason: String) async throws {
        _ = try await change(Self.fail, [mail], stages, .text(clean(reason)))
    }

    /// Gives up for now: no more hints for the mail at these stages until an operator asks. The mail itself stays.
    /// - Returns: whether there was something to park.
    package func park(_ mail: MailID, _ stages: [Stage], reason: String) async throws -> Bool {
        try await !change(Self.parkRows, [mail], stages, .text(clean(reason))).isEmpty
    }

    /// Whether storage answers at all.
    package func isReachable() async -> Bool {
        do {
            return try await pool.withConnection { try !$0.execute(Self.ping).isEmpty }
        } catch {
            return false  // why, the pool has logged
        }
    }

    /// Locks the mails' unparked rows in key order, as every stage does, and changes them. Two statements in one round trip, so
    /// that the second is told the rows by their key: a join with what was locked could walk all that waits.
    /// - Returns: what the statement says of each row, if it says anything.
    private func change(
        _ statement: PreparedStatement, _ mails: [MailID], _ stages: [Stage], _ rest: PostgresValue...
    ) async throws -> [Int32] {
        let key = Self.key(mails, stages)
        return try await pool.transaction { connection in
            let results = try connection.commit(after: [(Self.lock, key), (statement, key + rest)])
            return try results.last.map { try $0.map { try $0.int4(0) } } ?? []
        }
    }

    private static func key(_ mails: [MailID], _ stages: [Stage]) -> [PostgresValue] {
        [.uuidArray(mails.map { (high: $0.uuid.high, low: $0.uuid.low) }), .int2Array(stages.map(\.rawValue))]
    }

    private static let ping = PreparedStatement("work_ping", "SELECT 1")

    private static let lock = PreparedStatement(
        "work_lock_tries",
        """
        SELECT mail_id, attempts FROM work
        WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = ANY ($2::smallint[]) AND parked_at IS NULL
        ORDER BY mail_id, recipient, stage FOR UPDATE
        """)

    // The rows are locked by then.

    private static let begin = PreparedStatement(
        "work_begin",
        """
        UPDATE work SET attempts = least(attempts + 1, 1000)
        WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = ANY ($2::smallint[]) AND parked_at IS NULL
        RETURNING attempts::integer
        """)

    private static let beginTogether = PreparedStatement(
        "work_begin_together",
        """
        UPDATE work SET attempts = 1
        WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = ANY ($2::smallint[]) AND parked_at IS NULL
        """)

    private static let forgive = PreparedStatement(
        "work_forgive",
        """
        UPDATE work SET attempts = greatest(attempts - 1, 0)
        WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = ANY ($2::smallint[]) AND parked_at IS NULL
        """)

    /// A relay's tries follow the schedule of its copies.
    private static let fail = PreparedStatement(
        "work_fail",
        """
        UPDATE work SET last_error = $3,
            next_hint_at = CASE stage WHEN 3 THEN next_hint_at
                ELSE least(next_hint_at, now() + power(2, least(attempts, 5)) * interval '1 s') END
        WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = ANY ($2::smallint[]) AND parked_at IS NULL
        """)

    private static let parkRows = PreparedStatement(
        "work_park",
        """
        WITH parked AS (
            UPDATE work SET parked_at = now(), last_error = $3, attempts = least(attempts, 5)
            WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 = ANY ($2::smallint[]) AND parked_at IS NULL
            RETURNING mail_id, recipient, stage, attempts
        ), told AS (
            INSERT INTO mail_event (mail_id, event, recipient, detail)
            SELECT mail_id, 'parked', recipient,
                jsonb_build_object('stage', stage, 'attempts', attempts, 'reason', $3::text)
            FROM parked
        )
        SELECT recipient FROM parked
        """)
}

/// PostgreSQL's text holds no NUL; a reason need not be long.
private func clean(_ reason: String) -> String {
    String(String.UnicodeScalarView(reason.unicodeScalars.prefix(200).filter { $0.value >= 0x20 }))
}
