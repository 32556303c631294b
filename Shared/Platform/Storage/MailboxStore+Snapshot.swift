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
        try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.loadChanges, [.int8(key.account.value), .int8(key.mailbox.value), .int8(modseq)])
            guard rows.count > 0 else { return nil }
            var changed: [MailboxDelta.Entry] = []
            var expunged: [UInt32] = []
            for index in 1..<max(rows.count, 1) {
                let row = rows[index]
                let uid = UInt32(truncatingIfNeeded: try row.int8(1))
                if try row.int4(0) == 1 {
                    changed.append(.init(uid: uid, flags: MailboxFlags(rawValue: try row.int8(2))))
                } else {
                    expunged.append(uid)
                }
            }
            changed.sort { $0.uid < $1.uid }
            expunged.sort()
            let head = rows[0]
            let delta = MailboxDelta(
                key: key, before: modseq, after: try head.int8(3), uidNext: try head.int8(2),
                keywords: MailboxKeywords(try head.textArray(4)), changed: changed, expunged: expunged)
            return MailboxRefresh(uidValidity: UInt32(truncatingIfNeeded: try head.int8(1)), delta: delta)
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
        SELECT 0, uidvalidity, uidnext, modseq, keywords FROM mailbox WHERE account_id = $1 AND mailbox_id = $2
        UNION ALL
        SELECT 1, uid, flags, NULL, NULL
        FROM mailbox_message WHERE account_id = $1 AND mailbox_id = $2 AND modseq > $3
        UNION ALL
        SELECT 2, uid, NULL, NULL, NULL
        FROM expunged WHERE account_id = $1 AND mailbox_id = $2 AND modseq > $3
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
