import MailCore
import PostgreSQL
package import QueueContracts

/// What COPY or MOVE did: UID pairs for COPYUID (RFC 4315 3) and one delta for each mailbox that changed.
package struct CopyOutcome: Sendable {
    package let targetUIDValidity: UInt32
    /// Ascending source UIDs; copy i got `firstTargetUID + i`.
    package let sourceUIDs: [UInt32]
    package let firstTargetUID: UInt32
    package let deltas: [MailboxDelta]
    /// Mails that the classifier can learn from, because they went into or out of Junk.
    package let lessons: [MailHint.Entry]
}

extension MailboxStore {
    /// Copies the messages of `runs` that exist, in the order of their UIDs; all or none.
    ///
    /// `keywords` are the names in use among them: they get bits in the target while it has room.
    package func copy(
        from source: MailboxKey, _ runs: UIDRuns, keywords: [String], to target: MailboxRecord
    ) async throws -> CopyOutcome {
        try await pool.transaction { connection in
            let locked = try connection.lockMailboxes([target.key.mailbox, source.mailbox], of: source.account)
            guard let from = locked[source.mailbox], var into = locked[target.key.mailbox] else {
                throw MailboxError.noSuchMailbox
            }
            try connection.addKeywords(keywords, to: &into)
            try connection.shareBodies(source, runs)
            let copies = try connection.transfer(Self.copyMessages, from: from, runs, into: into)
            return try copies.outcome(
                target, deltas: [into.delta(uidNext: copies.uidNext, changed: copies.entries)],
                lessons: connection.noteLesson(copies, from: from, into: into))
        }
    }

    /// RFC 6851: like `copy`, and the originals are gone in the same transaction.
    package func move(
        from source: MailboxKey, _ runs: UIDRuns, keywords: [String], to target: MailboxRecord
    ) async throws -> CopyOutcome {
        try await pool.transaction { connection in
            let locked = try connection.lockMailboxes([target.key.mailbox, source.mailbox], of: source.account)
            guard let from = locked[source.mailbox], var into = locked[target.key.mailbox] else {
                throw MailboxError.noSuchMailbox
            }
            try connection.addKeywords(keywords, to: &into)
            guard source != target.key else {
                return try connection.renumber(into, runs, target)
            }
            let moved = try connection.transfer(Self.moveMessages, from: from, runs, into: into)
            return try moved.outcome(
                target,
                deltas: [
                    from.delta(expunged: moved.sourceUIDs), into.delta(uidNext: moved.uidNext, changed: moved.entries),
                ], lessons: connection.noteLesson(moved, from: from, into: into))
        }
    }
}

/// The rows that a copy or move wrote.
struct Transfer {
    let first: Int64
    var sourceUIDs: [UInt32] = []
    var entries: [MailboxDelta.Entry] = []

    var uidNext: Int64 { first + Int64(sourceUIDs.count) }

    func outcome(
        _ target: MailboxRecord, deltas: [MailboxDelta], lessons: [MailHint.Entry] = []
    ) throws -> CopyOutcome {
        guard uidNext - 1 <= MailboxRecord.maximumUID else { throw MailboxError.noUIDsLeft }
        return CopyOutcome(
            targetUIDValidity: target.uidValidity, sourceUIDs: sourceUIDs,
            firstTargetUID: UInt32(truncatingIfNeeded: first), deltas: deltas,
            lessons: lessons)
    }
}

extension PostgresConnection {
    /// A new reference first locks the body, so that the reaper cannot take it in between; fails if one is gone.
    fileprivate func shareBodies(_ source: MailboxKey, _ runs: UIDRuns) throws {
        let rows = try execute(
            shareBodyRows, [.int8(source.account.value), .int8(source.mailbox.value), runs.lows, runs.highs])
        guard rows.count > 0, try rows[0].int8(0) == rows[0].int8(1) else { throw MailboxError.messageGone }
    }

    func transfer(
        _ statement: PreparedStatement, from: LockedMailbox, _ runs: UIDRuns, into: LockedMailbox
    ) throws(PostgresError) -> Transfer {
        var fromBits: [Int64] = []
        var intoBits: [Int64] = []
        for (index, name) in from.keywords.names.enumerated() {
            guard let bit = into.keywords.flag(named: name) else { continue }
            fromBits.append(MailboxFlags.keyword(index).rawValue)
            intoBits.append(bit.rawValue)
        }
        let rows = try execute(
            statement,
            [
                .int8(from.key.account.value), .int8(from.key.mailbox.value), runs.lows, runs.highs,
                .int8(into.key.mailbox.value), .int8Array(fromBits), .int8Array(intoBits),
            ])
        var transfer = Transfer(first: into.uidNext)
        for index in 0..<rows.count {
            let row = rows[index]
            transfer.sourceUIDs.append(UInt32(truncatingIfNeeded: try row.int8(0)))
            let uid = UInt32(truncatingIfNeeded: into.uidNext + Int64(index))
            transfer.entries.append(.init(uid: uid, flags: MailboxFlags(rawValue: try row.int8(1))))
        }
        return transfer
    }

    /// MOVE into the mailbox itself (RFC 6851 3.3 allows it): the messages get new UIDs.
    fileprivate func renumber(_ mailbox: LockedMailbox, _ runs: UIDRuns, _ target: MailboxRecord) throws -> CopyOutcome
    {
        try shareBodies(mailbox.key, runs)
        let copies = try transfer(MailboxStore.copyMessages, from: mailbox, runs, into: mailbox)
        let removed = try removeMessages(mailbox.key, UIDRuns(copies.sourceUIDs.map { $0...$0 }), carrying: [])
        let delta = MailboxDelta(
            key: mailbox.key, before: mailbox.modseq, after: mailbox.modseq + (removed.isEmpty ? 0 : 2),
            uidNext: copies.uidNext, keywords: mailbox.keywords, changed: copies.entries, expunged: removed)
        return try copies.outcome(target, deltas: [delta])
    }
}

private let shareBodyRows = PreparedStatement(
    "mailbox_share_bodies",
    """
    WITH wanted AS MATERIALIZED (
        SELECT DISTINCT m.body_id FROM unnest($3::bigint[], $4::bigint[]) AS run (low, high) CROSS JOIN LATERAL (
            SELECT body_id FROM mailbox_message
            WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN run.low AND run.high ORDER BY uid
        ) AS m
    ), shared AS MATERIALIZED (
        SELECT body_id FROM body WHERE body_id = ANY (ARRAY(SELECT body_id FROM wanted))
        ORDER BY body_id FOR KEY SHARE
    )
    SELECT (SELECT count(*) FROM wanted), (SELECT count(*) FROM shared)
    """)

extension MailboxStore {
    static let copyMessages = PreparedStatement(
        "mailbox_copy_messages",
        """
        WITH source AS MATERIALIZED (
            SELECT m.uid, m.mail_id, m.body_id, m.size, m.prefix, m.internal_date,
                row_number() OVER (ORDER BY m.uid) - 1 AS place,
                (m.flags & 31) | coalesce((
                    SELECT bit_or(keyword.into_bit) FROM unnest($6::bigint[], $7::bigint[]) AS keyword (from_bit, into_bit)
                    WHERE m.flags & keyword.from_bit <> 0), 0) AS flags
            FROM unnest($3::bigint[], $4::bigint[]) AS run (low, high) CROSS JOIN LATERAL (
                SELECT ctid AS spot, * FROM mailbox_message
                WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN run.low AND run.high ORDER BY uid
            ) AS m
        ), added AS (
            INSERT INTO mailbox_message
                (account_id, mailbox_id, uid, modseq, flags, mail_id, body_id, size, prefix, internal_date)
            SELECT $1, $5, target.uidnext + place, target.modseq + 1, source.flags, mail_id, body_id, size, prefix,
                internal_date
            FROM source, (SELECT uidnext, modseq FROM mailbox WHERE account_id = $1 AND mailbox_id = $5) AS target
        ), counted AS (
            UPDATE mailbox SET uidnext = uidnext + total.messages, modseq = modseq + 1,
                messages = mailbox.messages + total.messages, unseen = mailbox.unseen + total.unseen,
                deleted = mailbox.deleted + total.deleted, bytes = mailbox.bytes + total.bytes
            FROM (
                SELECT count(*) AS messages, sum(1 - (flags & 1))::bigint AS unseen,
                    sum(flags >> 3 & 1)::bigint AS deleted, sum(size)::bigint AS bytes
                FROM source
            ) AS total
            WHERE account_id = $1 AND mailbox_id = $5 AND total.messages > 0
        )
        SELECT uid, flags FROM source ORDER BY place
        """)

    // The entry moves with its references, so no body is shared or released. By ctid, which nobody changes while the
    // mailbox is locked: by UID a plan made for a small mailbox reads a large one once per message.
    static let moveMessages = PreparedStatement(
        "mailbox_move_messages",
        """
        WITH source AS MATERIALIZED (
            SELECT m.spot, m.uid, m.size, row_number() OVER (ORDER BY m.uid) - 1 AS place,
                (m.flags & 31) | coalesce((
                    SELECT bit_or(keyword.into_bit) FROM unnest($6::bigint[], $7::bigint[]) AS keyword (from_bit, into_bit)
                    WHERE m.flags & keyword.from_bit <> 0), 0) AS flags
            FROM unnest($3::bigint[], $4::bigint[]) AS run (low, high) CROSS JOIN LATERAL (
                SELECT ctid AS spot, * FROM mailbox_message
                WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN run.low AND run.high ORDER BY uid
            ) AS m
        ), moved AS (
            UPDATE mailbox_message m SET mailbox_id = $5, uid = target.uidnext + place, modseq = target.modseq + 1,
                flags = source.flags
            FROM source, (SELECT uidnext, modseq FROM mailbox WHERE account_id = $1 AND mailbox_id = $5) AS target
            WHERE m.ctid = source.spot
        ), noted AS (
            INSERT INTO expunged (account_id, mailbox_id, uid, modseq)
            SELECT $1, $2, uid, (SELECT modseq + 1 FROM mailbox WHERE account_id = $1 AND mailbox_id = $2) FROM source
        ), total AS (
            SELECT count(*) AS messages, sum(1 - (flags & 1))::bigint AS unseen,
                sum(flags >> 3 & 1)::bigint AS deleted, sum(size)::bigint AS bytes
            FROM source
        ), counted AS (
            UPDATE mailbox SET modseq = modseq + 1,
                uidnext = uidnext + CASE WHEN mailbox_id = $5 THEN total.messages ELSE 0 END,
                messages = mailbox.messages + sign * total.messages, unseen = mailbox.unseen + sign * total.unseen,
                deleted = mailbox.deleted + sign * total.deleted, bytes = mailbox.bytes + sign * total.bytes
            FROM total, (VALUES ($2::bigint, -1), ($5::bigint, 1)) AS side (mailbox, sign)
            WHERE account_id = $1 AND mailbox_id = side.mailbox AND total.messages > 0
        )
        SELECT uid, flags FROM source ORDER BY place
        """)
}
