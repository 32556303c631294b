import MailCore
import PostgreSQL

extension MailboxStore {
    /// Removes the messages of `runs` that carry \Deleted (RFC 3501 6.4.3, RFC 4315 2.1).
    package func expunge(_ key: MailboxKey, _ runs: UIDRuns) async throws -> MailboxDelta {
        try await pool.transaction { connection in
            let (mailbox, rows) = try connection.commit([removal(key, runs, carrying: .deleted)], locking: key)
            return mailbox.delta(expunged: try uids(rows[0]))
        }
    }
}

extension PostgresConnection {
    /// Deletes entries, notes them in `expunged`, releases their bodies and counts them off. The mailbox row is locked.
    /// - Parameter limit: of messages; some of them when there are more.
    func removeMessages(
        _ key: MailboxKey, _ runs: UIDRuns, carrying flags: MailboxFlags, limit: Int? = nil
    ) throws(PostgresError) -> [UInt32] {
        let call = removal(key, runs, carrying: flags, limit: limit)
        return try uids(execute(call.0, call.1))
    }
}

private func removal(
    _ key: MailboxKey, _ runs: UIDRuns, carrying flags: MailboxFlags, limit: Int? = nil
) -> PostgresConnection.Call {
    (
        removeMessageRows,
        [
            .int8(key.account.value), .int8(key.mailbox.value), runs.lows, runs.highs, .int8(flags.rawValue),
            .int8(Int64(limit ?? .max)),
        ]
    )
}

private func uids(_ rows: PostgresRows) throws(PostgresError) -> [UInt32] {
    var uids: [UInt32] = []
    uids.reserveCapacity(rows.count)
    for row in rows { uids.append(UInt32(truncatingIfNeeded: try row.int8(0))) }
    return uids
}

// By ctid, which nobody changes while the mailbox is locked. Releases are written in the order of their key, so that two expunges
// of the same bodies cannot deadlock; one that is due in more than a day stays as it is. A UID is expunged once: no conflict.
private let removeMessageRows = PreparedStatement(
    "mailbox_remove_messages",
    """
    WITH marked AS MATERIALIZED (
        SELECT m.spot FROM unnest($3::bigint[], $4::bigint[]) AS run (low, high) CROSS JOIN LATERAL (
            SELECT ctid AS spot, flags FROM mailbox_message
            WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN run.low AND run.high ORDER BY uid
        ) AS m
        WHERE m.flags & $5 = $5
        LIMIT $6
    ), gone AS (
        DELETE FROM mailbox_message m USING marked WHERE m.ctid = marked.spot
        RETURNING m.uid, m.flags, m.body_id, m.size
    ), noted AS (
        INSERT INTO expunged (account_id, mailbox_id, uid, modseq)
        SELECT $1, $2, gone.uid, (SELECT modseq + 1 FROM mailbox WHERE account_id = $1 AND mailbox_id = $2) FROM gone
    ), released AS (
        INSERT INTO body_release (body_id, due_at)
        SELECT body_id, now() + interval '25 hours' FROM (SELECT DISTINCT body_id FROM gone ORDER BY body_id) AS bodies
        ON CONFLICT (body_id) DO UPDATE SET due_at = excluded.due_at
            WHERE body_release.due_at < now() + interval '1 day'
    ), counted AS (
        UPDATE mailbox SET modseq = modseq + 1, messages = mailbox.messages - total.messages,
            unseen = mailbox.unseen - total.unseen, deleted = mailbox.deleted - total.deleted, bytes = mailbox.bytes - total.bytes
        FROM (
            SELECT count(*) AS messages, sum(1 - (flags & 1))::bigint AS unseen, sum(flags >> 3 & 1)::bigint AS deleted,
                sum(size)::bigint AS bytes
            FROM gone
        ) AS total
        WHERE account_id = $1 AND mailbox_id = $2 AND total.messages > 0
    )
    SELECT uid FROM gone ORDER BY uid
    """)
