import MailCore
import PostgreSQL
import Storage

/// A database with one account and its mailboxes, seen with accessd's own role, so that its rights are tested too.
struct MailboxFixture {
    let owner: PostgresPool
    let accessd: PostgresPool
    let account: AccountID
    var mailboxes: MailboxStore { MailboxStore(pool: accessd) }
    var messages: MessageStore { MessageStore(pool: accessd) }
    var appends: AppendStore { AppendStore(pool: accessd) }

    static func with<T>(_ body: (MailboxFixture) async throws -> T) async throws -> T {
        try await TestDatabase.with { configuration in
            var restricted = configuration
            restricted.url = FilingFixture.withRole("martlet_accessd", configuration.url)
            let owner = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let account = try await owner.transaction { connection in
                let rows = try connection.execute(insertAccount)
                guard let id = try rows.first?.int8(0) else { throw PostgresError(.decoding, "no account") }
                _ = try connection.pipeline(MailboxProvisioning.calls(for: [AccountID(id)]))
                return AccountID(id)
            }
            return try await body(
                MailboxFixture(
                    owner: owner, accessd: PostgresPool(configuration: restricted, logger: TestDatabase.logger),
                    account: account))
        }
    }

    func mailbox(_ name: String = "INBOX") async throws -> MailboxRecord {
        guard let found = try await mailboxes.find(account, name: name) else { throw MailboxError.noSuchMailbox }
        return found
    }

    @discardableResult
    func append(
        _ text: String = "Subject: x\r\n\r\nbody\r\n", to mailbox: MailboxRecord, flags: NamedFlags = NamedFlags()
    ) async throws -> MailboxDelta {
        try await appends.append(
            message(.inline(Array(text.utf8)), flags: flags), to: account, name: mailbox.name
        ).delta
    }

    func message(_ body: AcceptedBody, flags: NamedFlags = NamedFlags()) -> AppendedMessage {
        AppendedMessage(
            mail: .next(), body: body, flags: flags, internalDate: Timestamp(seconds: 1_000_000), receivedAt: .now(),
            peer: "127.0.0.1", traceparent: .start(), summary: [1, 2, 3])
    }

    /// Whether the counts in the row are those of the messages.
    func countsAgree(_ mailbox: MailboxRecord) async throws -> Bool {
        let record = try await self.mailbox(mailbox.name)
        guard let snapshot = try await mailboxes.snapshot(mailbox.key) else { return false }
        let rows = try await messages.rows(mailbox.key, UIDRuns(1...UInt32.max), []).rows
        return record.messages == Int64(snapshot.uids.count) && rows.map(\.uid) == snapshot.uids
            && record.unseen == Int64(snapshot.flags.count { !$0.contains(.seen) })
            && record.deleted == Int64(snapshot.flags.count { $0.contains(.deleted) })
            && record.bytes == Int64(rows.reduce(0) { $0 + $1.size })
            && snapshot.uids.allSatisfy { Int64($0) < record.uidNext }
    }

    func number(_ sql: PreparedStatement) async throws -> Int64 { try await owner.number(sql) }

    private static let insertAccount = PreparedStatement(
        "mailbox_fixture_account",
        "INSERT INTO account (address, scram) VALUES ('alice@example.test', 'x') RETURNING account_id")
}
