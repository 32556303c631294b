package import MailCore
package import PostgreSQL

/// Mailboxes and their entries. Each change locks its mailbox rows first, in (account, mailbox) order, and takes UIDs
/// and modseq there; the row also keeps the counts that STATUS and quota ask for.
package struct MailboxStore: Sendable {
    let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// All mailboxes of an account, in no promised order.
    package func list(_ account: AccountID) async throws -> [MailboxRecord] {
        try await pool.withConnection { connection in
            try records(connection.execute(Self.listMailboxes, [.int8(account.value)]), account: account)
        }
    }

    package func find(_ account: AccountID, name: String) async throws -> MailboxRecord? {
        try await pool.withConnection { connection in
            let rows = try connection.execute(Self.findMailbox, [.int8(account.value), .text(name)])
            return try records(rows, account: account).first
        }
    }

    /// What SELECT starts with, in one round trip.
    /// - Parameters:
    ///   - leaving: what the session has seen of the mailbox of this name that it leaves, if it was this one.
    ///   - claiming: messages that are \Recent now are so for no later session (RFC 3501 2.3.2).
    /// - Returns: the row, above which UID messages are \Recent in this session, and up to which one in no later session.
    package func select(
        _ account: AccountID, name: String, leaving: (key: MailboxKey, seen: Int64)?, claiming: Bool
    ) async throws -> (record: MailboxRecord, recentAbove: Int64, claimed: Int64)? {
        let place: [PostgresValue] = [.int8(account.value), .text(name)]
        var calls: [PostgresConnection.Call] = [(Self.findMailbox, place)]
        // The claim of all includes what was seen before.
        if claiming {
            calls.append((Self.claimAllRecent, place))
        } else if let leaving {
            calls.append(Self.claim(leaving.key, upTo: leaving.seen))
        }
        return try await pool.withConnection { [calls] connection in
            let rows = try connection.pipeline(calls)
            let record = try records(rows[0], account: account).first
            // The name may mean another mailbox by now.
            if claiming, let leaving, record?.key != leaving.key {
                _ = try connection.pipeline([Self.claim(leaving.key, upTo: leaving.seen)])
            }
            guard let record else { return nil }
            let seen = leaving.flatMap { $0.key == record.key ? $0.seen : nil } ?? 0
            let recentAbove = max(record.recentUID, seen)
            let claimed = claiming ? try rows[1].first?.int8(0) : nil
            return (record, recentAbove, claimed ?? recentAbove)
        }
    }

    /// The row, and how many messages no session has seen yet (STATUS RECENT) if that is asked.
    package func status(
        _ account: AccountID, name: String, countingRecent: Bool
    ) async throws -> (record: MailboxRecord, recent: Int64)? {
        try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.readStatus, [.int8(account.value), .text(name), .bool(countingRecent)])
            guard let row = rows.first else { return nil }
            return (try MailboxRecord(row, account: account), try row.int8(12))
        }
    }

    /// How many messages no session has seen yet (STATUS RECENT).
    package func recentCount(_ record: MailboxRecord) async throws -> Int64 {
        guard record.recentUID + 1 < record.uidNext else { return 0 }
        return try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.countRecent,
                [.int8(record.key.account.value), .int8(record.key.mailbox.value), .int8(record.recentUID)])
            return rows.count > 0 ? try rows[0].int8(0) : 0
        }
    }

    /// Messages up to `uid` are \Recent for no later session (RFC 3501 2.3.2).
    package func claimRecent(_ key: MailboxKey, upTo uid: Int64) async throws {
        let call = Self.claim(key, upTo: uid)
        _ = try await pool.withConnection { try $0.execute(call.0, call.1).affected }
    }

    private static func claim(_ key: MailboxKey, upTo uid: Int64) -> PostgresConnection.Call {
        (claimRecent, [.int8(key.account.value), .int8(key.mailbox.value), .int8(uid)])
    }

    package func subscriptions(_ account: AccountID) async throws -> [String] {
        try await pool.withConnection { connection in
            let rows = try connection.execute(Self.listSubscriptions, [.int8(account.value)])
            return try (0..<rows.count).map { try rows[$0].text(0) }
        }
    }

    package func subscribe(_ account: AccountID, name: String) async throws {
        _ = try await pool.withConnection { connection in
            try connection.execute(Self.addSubscription, [.int8(account.value), .text(name)]).affected
        }
    }

    package func unsubscribe(_ account: AccountID, name: String) async throws {
        _ = try await pool.withConnection { connection in
            try connection.execute(Self.dropSubscription, [.int8(account.value), .text(name)]).affected
        }
    }
}

/// The rows of a statement with `MailboxRecord`'s columns.
func records(_ rows: PostgresRows, account: AccountID) throws(PostgresError) -> [MailboxRecord] {
    var records: [MailboxRecord] = []
    records.reserveCapacity(rows.count)
    for index in 0..<rows.count { records.append(try MailboxRecord(rows[index], account: account)) }
    return records
}

extension MailboxStore {
    private static let listMailboxes = PreparedStatement(
        "mailbox_list",
        """
        SELECT mailbox_id, name, special_use, uidvalidity, uidnext, modseq, messages, unseen, deleted, bytes, recent_uid, keywords
        FROM mailbox WHERE account_id = $1
        """)

    private static let findMailbox = PreparedStatement(
        "mailbox_find",
        """
        SELECT mailbox_id, name, special_use, uidvalidity, uidnext, modseq, messages, unseen, deleted, bytes, recent_uid, keywords
        FROM mailbox WHERE account_id = $1 AND name = $2
        """)

    private static let countRecent = PreparedStatement(
        "mailbox_count_recent",
        "SELECT count(*) FROM mailbox_message WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3")

    private static let readStatus = PreparedStatement(
        "mailbox_status",
        """
        SELECT mailbox_id, name, special_use, uidvalidity, uidnext, modseq, messages, unseen, deleted, bytes, recent_uid, keywords,
            CASE WHEN $3 AND recent_uid + 1 < uidnext THEN (
                SELECT count(*) FROM mailbox_message m
                WHERE m.account_id = $1 AND m.mailbox_id = mailbox.mailbox_id AND m.uid > recent_uid
            ) ELSE 0 END
        FROM mailbox WHERE account_id = $1 AND name = $2
        """)

    // Nobody is promised that \Recent outlives a crash: who is not known to have been told may be told once more
    // (RFC 3501 2.3.2). So SELECT doesn't wait for the disk.
    private static let claimRecent = PreparedStatement(
        "mailbox_claim_recent",
        """
        UPDATE mailbox SET recent_uid = $3 WHERE account_id = $1 AND mailbox_id = $2 AND recent_uid < $3
            AND set_config('synchronous_commit', 'off', true) IS NOT NULL
        """)

    private static let claimAllRecent = PreparedStatement(
        "mailbox_claim_all_recent",
        """
        UPDATE mailbox SET recent_uid = uidnext - 1 WHERE account_id = $1 AND name = $2 AND recent_uid < uidnext - 1
            AND set_config('synchronous_commit', 'off', true) IS NOT NULL
        RETURNING recent_uid
        """)

    private static let listSubscriptions = PreparedStatement(
        "subscription_list", "SELECT name FROM subscription WHERE account_id = $1")

    private static let addSubscription = PreparedStatement(
        "subscription_add", "INSERT INTO subscription (account_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING")

    private static let dropSubscription = PreparedStatement(
        "subscription_drop", "DELETE FROM subscription WHERE account_id = $1 AND name = $2")
}
