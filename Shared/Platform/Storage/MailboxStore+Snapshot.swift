import MailCore
import PostgreSQL

/// A whole mailbox as SELECT needs it, from one snapshot of the database.
package struct MailboxSnapshot: Sendable {
    package let record: MailboxRecord
    /// Ascending.
    package let uids: [UInt32]
    package let flags: [MailboxFlags]
}

/// What happened to a mailbox since a modseq, from one snapshot of the database.
package struct MailboxRefresh: Sendable {
    package let uidValidity: UInt32
    package let delta: MailboxDelta
}

extension MailboxStore {
    /// Every UID with its flags; nil if the mailbox is gone.
    package func snapshot(_ key: MailboxKey) async throws -> MailboxSnapshot? {
        try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.loadSnapshot, [.int8(key.account.value), .int8(key.mailbox.value)])
            guard rows.count > 0 else { return nil }
            let record = try MailboxRecord(rows[0], account: key.account)
            var uids: [UInt32] = []
            var flags: [MailboxFlags] = []
            uids.reserveCapacity(rows.count)
            flags.reserveCapacity(rows.count)
            var isSorted = true
            for index in 1..<max(rows.count, 1) {
                let uid = UInt32(truncatingIfNeeded: try rows[index].int8(3))
                if let last = uids.last, last >= uid { isSorted = false }
                uids.append(uid)
                flags.append(MailboxFlags(rawValue: try rows[index].int8(4)))
            }
            if !isSorted { sort(&uids, &flags) }
            return MailboxSnapshot(record: record, uids: uids, flags: flags)
        }
    }

    /// Changes after `modseq`; nil if the mailbox is gone.
    package func changes(_ key: MailboxKey, since modseq: Int64) async throws -> MailboxRefresh? {
        try await changes([(key, modseq)]).first ?? nil
    }

    /// Changes of many mailboxes in one query, in their order; nil for one that is gone.
    package func changes(_ wanted: [(key: MailboxKey, since: Int64)]) async throws -> [MailboxRefresh?] {
        try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.loadChanges,
                [
                    .int8Array(wanted.map(\.key.account.value)), .int8Array(wanted.map(\.key.mailbox.value)),
                    .int8Array(wanted.map(\.since)),
                ])
            var heads = [PostgresRow?](repeating: nil, count: wanted.count)
            var changed = [[MailboxDelta.Entry]](repeating: [], count: wanted.count)
            var expunged = [[UInt32]](repeating: [], count: wanted.count)
            for row in rows {
                let place = Int(try row.int8(0)) - 1
                guard wanted.indices.contains(place) else { continue }
                switch try row.int4(1) {
                case 0: heads[place] = row
                case 1:
                    changed[place].append(
                        .init(
                            uid: UInt32(truncatingIfNeeded: try row.int8(2)),
                            flags: MailboxFlags(rawValue: try row.int8(3))))
                default: expunged[place].append(UInt32(truncatingIfNeeded: try row.int8(2)))
                }
            }
            return try wanted.indices.map { place in
                guard let head = heads[place] else { return nil }
                let delta = MailboxDelta(
                    key: wanted[place].key, before: wanted[place].since, after: try head.int8(4),
                    uidNext: try head.int8(3), keywords: MailboxKeywords(try head.textArray(5)),
                    changed: changed[place].sorted { $0.uid < $1.uid }, expunged: expunged[place].sorted())
                return MailboxRefresh(uidValidity: UInt32(truncatingIfNeeded: try head.int8(2)), delta: delta)
            }
        }
    }

    /// The modseqs of many mailboxes in one query; a deleted one is missing from the answer.
    package func modseqs(_ keys: [MailboxKey]) async throws -> [MailboxKey: Int64] {
        guard !keys.isEmpty else { return [:] }
        return try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.loadModseqs,
                [.int8Array(keys.map(\.account.value)), .int8Array(keys.map(\.mailbox.value))])
            var found: [MailboxKey: Int64] = [:]
            for index in 0..<rows.count {
                let row = rows[index]
                let key = MailboxKey(account: AccountID(try row.int8(0)), mailbox: MailboxID(try row.int8(1)))
                found[key] = try row.int8(2)
            }
            return found
        }
    }

    // The mailbox row comes first (its mailbox_id is not null). One statement is one snapshot: with a modseq of m in the
    // row, every change up to m is in the rest, because changes of one mailbox commit in the order of their modseqs.
    private static let loadSnapshot = PreparedStatement(
        "mailbox_snapshot",
        """
        SELECT mailbox_id, name, special_use, uidvalidity, uidnext, modseq, messages, unseen, deleted, bytes, recent_uid, keywords
        FROM mailbox WHERE account_id = $1 AND mailbox_id = $2
        UNION ALL
        (SELECT NULL, NULL, NULL, uid, flags, NULL, NULL, NULL, NULL, NULL, NULL, NULL
         FROM mailbox_message WHERE account_id = $1 AND mailbox_id = $2 ORDER BY uid)
        """)

    private static let loadChanges = PreparedStatement(
        "mailbox_changes",
        """
        WITH wanted AS MATERIALIZED (
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
                WITH ORDINALITY AS wanted (account_id, mailbox_id, since, place)
        )
        SELECT place, 0, box.* FROM wanted CROSS JOIN LATERAL (
            SELECT uidvalidity, uidnext, modseq, keywords FROM mailbox
            WHERE account_id = wanted.account_id AND mailbox_id = wanted.mailbox_id OFFSET 0
        ) AS box
        UNION ALL
        SELECT place, 1, uid, flags, NULL, NULL FROM wanted CROSS JOIN LATERAL (
            SELECT uid, flags FROM mailbox_message
            WHERE account_id = wanted.account_id AND mailbox_id = wanted.mailbox_id AND modseq > wanted.since OFFSET 0
        ) AS message
        UNION ALL
        SELECT place, 2, uid, NULL, NULL, NULL FROM wanted CROSS JOIN LATERAL (
            SELECT uid FROM expunged
            WHERE account_id = wanted.account_id AND mailbox_id = wanted.mailbox_id AND modseq > wanted.since OFFSET 0
        ) AS gone
        """)

    private static let loadModseqs = PreparedStatement(
        "mailbox_modseqs",
        """
        SELECT account_id, mailbox_id, modseq FROM mailbox
        WHERE (account_id, mailbox_id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
        """)
}

/// Ascending by UID; only needed if the plan did not keep the order of the statement's second half.
private func sort(_ uids: inout [UInt32], _ flags: inout [MailboxFlags]) {
    let order = uids.indices.sorted { uids[$0] < uids[$1] }
    let sortedUIDs = order.map { uids[$0] }
    flags = order.map { flags[$0] }
    uids = sortedUIDs
}
