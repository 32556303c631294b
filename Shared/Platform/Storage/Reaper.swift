import MailCore
package import PostgreSQL
package import ServiceKit

/// Deletes bodies that have lost their last reference, and the mails they belonged to.
///
/// Whoever drops a reference notes the body in `body_release`, due a day later. The delay keeps the reaper away from
/// anything that may still be in somebody's hands; the lock keeps it away from anything that is being referred to now.
package struct Reaper: Sendable {
    package struct Outcome: Sendable, Equatable {
        package var examined = 0
        package var bodies = 0
        package var mails = 0

        package init(examined: Int = 0, bodies: Int = 0, mails: Int = 0) {
            self.examined = examined
            self.bodies = bodies
            self.mails = mails
        }
    }

    /// What writers add to `now()` when they note a release.
    static let notedDelay: Duration = .seconds(86_400)
    private static let batch: Int32 = 50
    /// Deleted in one transaction; a body that is larger goes alone.
    private static let batchBytes: Int64 = 256 << 20
    /// Large bodies have many chunks; nobody waits for this.
    private static let patience = Duration.seconds(300)

    private let pool: PostgresPool
    private let delay: LiveSetting<Duration>

    /// - Parameter delay: how long a released body stays; writers note a day, a shorter delay brings that forward.
    ///   Uploads under way always keep their full day.
    package init(pool: PostgresPool, delay: LiveSetting<Duration>) {
        self.pool = pool
        self.delay = delay
    }

    package init(pool: PostgresPool, delay: Duration) { self.init(pool: pool, delay: LiveSetting(delay)) }

    /// Looks at what is due until nothing is, in small transactions.
    package func reap() async throws -> Outcome {
        var total = Outcome()
        while true {
            let (step, forgotten) = try await reapOnce()
            total.examined += step.examined
            total.bodies += step.bodies
            total.mails += step.mails
            // Without a note less, the next step would look at the same again.
            if forgotten == 0 || Task.isCancelled { return total }
        }
    }

    private func reapOnce() async throws -> (Outcome, forgotten: Int) {
        let forward = (Self.notedDelay - delay.value).components.seconds
        return try await pool.transaction { connection in
            var outcome = Outcome()
            try connection.setStatementTimeout(Self.patience)
            let due = try connection.execute(
                Self.claimDue, [.int8(forward), .int4(Self.batch), .int8(Self.batchBytes)])
            guard due.count > 0 else { return (outcome, 0) }
            outcome.examined = due.count
            let candidates = try ids(due)
            // A body that is locked just now is being referred to: it is looked at another time. Not waiting also means
            // that no order of locks can deadlock with us.
            let locked = try ids(connection.execute(Self.lockBodies, [.uuidArray(candidates)]))
            // A second statement, because it must see what was committed while the lock was taken.
            let dead = try connection.execute(Self.deleteUnreferenced, [.uuidArray(locked)])
            if let row = dead.first {
                outcome.bodies = Int(try row.int8(0))
                outcome.mails = Int(try row.int8(1))
            }
            let forgotten = try connection.execute(Self.forget, [.uuidArray(candidates), .uuidArray(locked)])
            return (outcome, forgotten.affected)
        }
    }

    // Rows of streamed uploads (size -1) are renewed with each chunk, so their due time is taken as it stands.
    private static let claimDue = PreparedStatement(
        "reaper_claim_due",
        """
        WITH due AS MATERIALIZED (
            SELECT body_id, due_at FROM body_release r
            WHERE due_at <= now() + $1 * interval '1 s'
                AND (due_at <= now() OR NOT EXISTS (SELECT FROM body b WHERE b.body_id = r.body_id AND b.size < 0))
            ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), sized AS (
            SELECT body_id, due_at, 262144 * (SELECT count(*) FROM body_chunk c WHERE c.body_id = due.body_id) AS size
            FROM due
        ), summed AS (
            SELECT body_id, size, sum(size) OVER (ORDER BY due_at, body_id) AS total FROM sized
        )
        SELECT body_id FROM summed WHERE total - size < $3
        """)

    private static let lockBodies = PreparedStatement(
        "reaper_lock_bodies",
        "SELECT body_id FROM body WHERE body_id = ANY ($1::uuid[]) ORDER BY body_id FOR UPDATE SKIP LOCKED")

    // Work that only waits for a late verdict has no use for the body: label and copies are what it is about.
    private static let deleteUnreferenced = PreparedStatement(
        "reaper_delete_unreferenced",
        """
        WITH dead AS MATERIALIZED (
            SELECT body_id FROM unnest($1::uuid[]) AS candidate (body_id)
            WHERE NOT EXISTS (SELECT FROM mailbox_message m WHERE m.body_id = candidate.body_id)
                AND NOT EXISTS (
                    SELECT FROM mail JOIN work USING (mail_id)
                    WHERE mail.body_id = candidate.body_id AND work.stage NOT IN (4, 5))
        ), chunks AS (
            DELETE FROM body_chunk USING dead WHERE body_chunk.body_id = dead.body_id
        ), bodies AS (
            DELETE FROM body USING dead WHERE body.body_id = dead.body_id RETURNING body.body_id
        ), mails AS (
            DELETE FROM mail USING dead WHERE mail.body_id = dead.body_id RETURNING mail.mail_id
        ), recipients AS (
            DELETE FROM recipient USING mails WHERE recipient.mail_id = mails.mail_id
        ), late AS (
            DELETE FROM work USING mails WHERE work.mail_id = mails.mail_id
        ), verdicts AS (
            DELETE FROM verdict USING mails WHERE verdict.mail_id = mails.mail_id
        )
        SELECT (SELECT count(*) FROM bodies), (SELECT count(*) FROM mails)
        """)

    // The note of a body that is still referred to goes too: dropping that reference writes a new one. A note whose body
    // we could not lock stays.
    private static let forget = PreparedStatement(
        "reaper_forget",
        """
        DELETE FROM body_release r
        WHERE body_id = ANY ($1::uuid[])
            AND (body_id = ANY ($2::uuid[]) OR NOT EXISTS (SELECT FROM body b WHERE b.body_id = r.body_id))
        """)
}

private func ids(_ rows: PostgresRows) throws(PostgresError) -> [(high: UInt64, low: UInt64)] {
    var ids: [(high: UInt64, low: UInt64)] = []
    for row in rows { ids.append(try row.uuid(0)) }
    return ids
}
