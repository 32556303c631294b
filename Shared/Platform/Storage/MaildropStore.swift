package import MailCore
package import PostgreSQL

/// Maildrops of POP3: the lease that makes a session the only one, the Inbox as it finds it, and the removal at QUIT.
package struct MaildropStore: Sendable {
    package enum Opening: Sendable, Equatable {
        case opened(MaildropSnapshot, MaildropLease)
        /// Another session has it.
        case inUse
        /// The account has no Inbox.
        case noInbox
    }

    package enum Removal: Sendable, Equatable {
        /// Gone, with what changed in the mailbox; the lease is given back.
        case removed(MailboxDelta?)
        /// So many are gone; there may be more, to be removed by another call.
        case partly(MailboxDelta)
        /// Somebody else had the maildrop since: nothing was removed.
        case leaseLost
    }

    private let pool: PostgresPool
    /// How long a maildrop stays closed to others after its process has died.
    package let leaseLength: Duration
    /// Messages removed in one transaction: the mailbox is locked meanwhile, and a statement must end in its time.
    private let removedAtOnce: Int

    package init(pool: PostgresPool, leaseLength: Duration = .seconds(30), removedAtOnce: Int = 20_000) {
        self.pool = pool
        self.leaseLength = leaseLength
        self.removedAtOnce = removedAtOnce
    }

    /// Takes the lease and looks at the Inbox, in one round trip. Two statements, because the second must see what a
    /// session removed that gave the lease back while the first was waiting for it.
    ///
    /// - Parameter holder: the process, for people who look at the table.
    package func open(_ account: AccountID, holder: String) async throws -> Opening {
        let lease = MaildropLease(account: account)
        return try await pool.withConnection { connection in
            let results = try connection.pipeline([
                (Self.take, [.int8(account.value), .text(holder), .int8(lease.fence), .float8(leaseLength.inSeconds)]),
                (Self.load, [.int8(account.value), .int8(lease.fence)]),
            ])
            guard results.count == 2, results[0].count == 1 else { return .inUse }
            guard let snapshot = try Self.snapshot(account, results[1]) else {
                _ = try connection.execute(Self.giveBack, lease.values)
                return .noInbox
            }
            return .opened(snapshot, lease)
        }
    }

    private static func snapshot(_ account: AccountID, _ rows: PostgresRows) throws -> MaildropSnapshot? {
        guard let inbox = rows.first else { return nil }
        var messages: [MaildropSnapshot.Message] = []
        messages.reserveCapacity(rows.count - 1)
        for index in 1..<rows.count {
            let row = rows[index]
            messages.append(.init(uid: UInt32(truncatingIfNeeded: try row.int8(0)), size: Int(try row.int8(1))))
        }
        return MaildropSnapshot(
            key: MailboxKey(account: account, mailbox: MailboxID(try inbox.int8(0))),
            uidValidity: UInt32(truncatingIfNeeded: try inbox.int8(1)), messages: messages)
    }

    /// Removes messages of `runs` that are still there, if the lease is still ours, and gives it back with the last of
    /// them, each time in one transaction (RFC 1939 6: after a failure some may be gone).
    package func remove(_ runs: UIDRuns, from key: MailboxKey, under lease: MaildropLease) async throws -> Removal {
        try await pool.transaction { connection in
            // An expired lease that nobody else took is as good as a valid one: its row cannot be taken while locked.
            guard try connection.execute(Self.hold, lease.values).count == 1 else { return .leaseLost }
            var delta: MailboxDelta?
            // A mailbox that is gone has taken its messages with it.
            if let mailbox = try connection.lockMailboxes([key.mailbox], of: key.account)[key.mailbox] {
                let removed = try connection.removeMessages(key, runs, carrying: [], limit: removedAtOnce)
                delta = mailbox.delta(expunged: removed)
                if let delta, removed.count == removedAtOnce { return .partly(delta) }
            }
            _ = try connection.commit(after: [(Self.giveBack, lease.values)])
            return .removed(delta)
        }
    }

    package func giveBack(_ lease: MaildropLease) async throws {
        _ = try await pool.withConnection { try $0.execute(Self.giveBack, lease.values).affected }
    }

    /// Keeps the leases of a process, also those that ran out while the database was away, unless another has taken them.
    package func renew(_ leases: [MaildropLease]) async throws {
        guard !leases.isEmpty else { return }
        let leases = leases.sorted { $0.account < $1.account }
        _ = try await pool.withConnection { connection in
            try connection.execute(
                Self.extend,
                [
                    .int8Array(leases.map(\.account.value)), .int8Array(leases.map(\.fence)),
                    .float8(leaseLength.inSeconds),
                ]
            ).affected
        }
    }
}

extension MaildropLease {
    fileprivate var values: [PostgresValue] { [.int8(account.value), .int8(fence)] }
}

extension MaildropStore {
    private static let take = PreparedStatement(
        "maildrop_take",
        """
        INSERT INTO maildrop_lease AS lease (account_id, holder, fence, until)
        VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
        ON CONFLICT (account_id) DO UPDATE SET holder = excluded.holder, fence = excluded.fence, until = excluded.until
        WHERE lease.until < clock_timestamp()
        RETURNING 1
        """)

    // The Inbox first, then its messages; nothing at all for who does not hold the lease.
    private static let load = PreparedStatement(
        "maildrop_load",
        """
        SELECT mailbox_id, uidvalidity FROM mailbox
        WHERE account_id = $1 AND name = 'INBOX'
            AND EXISTS (SELECT FROM maildrop_lease WHERE account_id = $1 AND fence = $2)
        UNION ALL
        (SELECT uid, size FROM mailbox_message
         WHERE account_id = $1
            AND mailbox_id = (SELECT mailbox_id FROM mailbox WHERE account_id = $1 AND name = 'INBOX')
            AND EXISTS (SELECT FROM maildrop_lease WHERE account_id = $1 AND fence = $2)
         ORDER BY uid)
        """)

    private static let hold = PreparedStatement(
        "maildrop_hold", "SELECT 1 FROM maildrop_lease WHERE account_id = $1 AND fence = $2 FOR UPDATE")

    private static let giveBack = PreparedStatement(
        "maildrop_give_back", "DELETE FROM maildrop_lease WHERE account_id = $1 AND fence = $2")

    private static let extend = PreparedStatement(
        "maildrop_extend",
        """
        UPDATE maildrop_lease SET until = clock_timestamp() + make_interval(secs => $3)
        FROM unnest($1::bigint[], $2::bigint[]) AS held (account_id, fence)
        WHERE maildrop_lease.account_id = held.account_id AND maildrop_lease.fence = held.fence
        """)
}
