package import MailCore
import PostgreSQL

extension MailboxStore {
    /// Creates the mailbox and the missing levels above it (RFC 3501 6.3.3), in that order in `names`: outermost first.
    package func create(_ account: AccountID, names: [String], specialUse: String?) async throws -> MailboxRecord {
        try await pool.transaction { connection in
            var created: MailboxRecord?
            for name in names {
                let isLast = name == names.last
                created = try connection.insertMailbox(account, name, specialUse: isLast ? specialUse : nil)
            }
            guard let created else { throw MailboxError.alreadyExists }
            return created
        }
    }

    /// Removes the mailbox and its messages; inferior names stay (RFC 3501 6.3.4). Subscriptions stay too (6.3.6).
    package func delete(_ account: AccountID, name: String) async throws -> MailboxKey {
        try await pool.transaction { connection in
            let rows = try connection.execute(Self.lockByName, [.int8(account.value), .text(name)])
            guard rows.count > 0 else { throw MailboxError.noSuchMailbox }
            let key = MailboxKey(account: account, mailbox: MailboxID(try rows[0].int8(0)))
            _ = try connection.execute(Self.releaseAll, [.int8(account.value), .int8(key.mailbox.value)])
            _ = try connection.execute(Self.dropExpunged, [.int8(account.value), .int8(key.mailbox.value)])
            _ = try connection.execute(Self.dropMailbox, [.int8(account.value), .int8(key.mailbox.value)])
            return key
        }
    }

    /// Renames the mailbox and everything below it, and creates the missing levels above the new name
    /// (RFC 3501 6.3.5). Not for INBOX.
    package func rename(_ account: AccountID, from old: String, to new: String, missing ancestors: [String])
        async throws
    {
        do {
            try await pool.transaction { connection in
                let found = try connection.execute(Self.lockTree, [.int8(account.value), .text(old)])
                guard found.count > 0 else { throw MailboxError.noSuchMailbox }
                for name in ancestors { _ = try connection.insertMailbox(account, name, specialUse: nil) }
                _ = try connection.execute(Self.renameTree, [.int8(account.value), .text(old), .text(new)])
            }
        } catch let error as PostgresError where error.sqlState == "23505" {
            throw MailboxError.alreadyExists
        }
    }

    private static let lockByName = PreparedStatement(
        "mailbox_lock_by_name", "SELECT mailbox_id FROM mailbox WHERE account_id = $1 AND name = $2 FOR UPDATE")

    private static let releaseAll = PreparedStatement(
        "mailbox_release_all",
        """
        WITH gone AS (
            DELETE FROM mailbox_message WHERE account_id = $1 AND mailbox_id = $2 RETURNING body_id
        )
        INSERT INTO body_release (body_id, due_at)
        SELECT body_id, now() + interval '1 day' FROM (SELECT DISTINCT body_id FROM gone ORDER BY body_id) AS bodies
        ON CONFLICT (body_id) DO UPDATE SET due_at = greatest(body_release.due_at, excluded.due_at)
        """)

    private static let dropExpunged = PreparedStatement(
        "mailbox_drop_expunged", "DELETE FROM expunged WHERE account_id = $1 AND mailbox_id = $2")

    private static let dropMailbox = PreparedStatement(
        "mailbox_drop", "DELETE FROM mailbox WHERE account_id = $1 AND mailbox_id = $2")

    private static let lockTree = PreparedStatement(
        "mailbox_lock_tree",
        """
        SELECT mailbox_id FROM mailbox WHERE account_id = $1 AND (name = $2 OR starts_with(name, $2 || '/'))
        ORDER BY mailbox_id FOR UPDATE
        """)

    private static let renameTree = PreparedStatement(
        "mailbox_rename_tree",
        """
        UPDATE mailbox SET name = $3 || substr(name, length($2) + 1)
        WHERE account_id = $1 AND (name = $2 OR starts_with(name, $2 || '/'))
        """)
}

extension PostgresConnection {
    /// Nil if the name is taken. UIDVALIDITY: the installation's epoch over the number of the mailbox, so that neither a
    /// name used again nor a restored database repeats one (RFC 3501 2.3.1.1).
    func insertMailbox(
        _ account: AccountID, _ name: String, specialUse: String?
    ) throws(PostgresError) -> MailboxRecord? {
        let rows = try execute(
            insertMailboxRow, [.int8(account.value), .text(name), .optional(text: specialUse)])
        return try records(rows, account: account).first
    }
}

private let insertMailboxRow = PreparedStatement(
    "mailbox_insert",
    """
    INSERT INTO mailbox (account_id, mailbox_id, name, special_use, uidvalidity)
    SELECT $1, fresh.id, $2, $3, (epoch & 127)::bigint << 24 | (fresh.id & 16777215)
    FROM installation, (SELECT nextval('mailbox_id_seq') AS id OFFSET 0) AS fresh
    ON CONFLICT (account_id, name) DO NOTHING
    RETURNING mailbox_id, name, special_use, uidvalidity, uidnext, modseq, messages, unseen, deleted, bytes, recent_uid, keywords
    """)
