import MailCore
import PostgreSQL
import Storage

/// A database with accounts and mails to file, and a pool with filerd's own role, so that its rights are tested too.
struct FilingFixture {
    let owner: PostgresPool
    let filerd: PostgresPool
    var store: FilingStore { FilingStore(pool: filerd) }

    static func with<T>(_ body: (FilingFixture) async throws -> T) async throws -> T {
        try await TestDatabase.with { configuration in
            var restricted = configuration
            restricted.url = withRole("martlet_filerd", configuration.url)
            return try await body(
                FilingFixture(
                    owner: PostgresPool(configuration: configuration, logger: TestDatabase.logger),
                    filerd: PostgresPool(configuration: restricted, logger: TestDatabase.logger)))
        }
    }

    static func withRole(_ role: String, _ url: String) -> String {
        guard url.contains("://") else { return url + " options='-c role=\(role)'" }
        return url + (url.contains("?") ? "&" : "?") + "options=-c%20role%3D\(role)"
    }

    /// Decides by the verdict; the prefix tells the copies apart.
    static let decide: @Sendable (FilingCopy) -> FilingDecision = { copy in
        FilingDecision(
            folder: copy.verdict?.isJunk == true ? .junk : .inbox,
            prefix: Array("Delivered-To: \(copy.address)\r\n".utf8))
    }

    func account(_ name: String, mailboxes: Bool = true) async throws -> AccountID {
        try await owner.transaction { connection in
            let rows = try connection.execute(Self.insertAccount, [.text("\(name)@example.test")])
            guard let id = try rows.first?.int8(0) else { throw PostgresError(.decoding, "no account") }
            if mailboxes { _ = try connection.pipeline(MailboxProvisioning.calls(for: [AccountID(id)])) }
            return AccountID(id)
        }
    }

    /// A mail with one copy for each account and work at `stage`.
    @discardableResult
    func mail(
        to accounts: [AccountID], verdict: Verdict.Label? = .ham, stage: Stage = .file, mailbox bytes: String = "Hi\r\n"
    ) async throws -> MailID {
        let mail = MailID.next()
        let body = BodyID.next()
        let id = PostgresValue.uuid(high: mail.uuid.high, low: mail.uuid.low)
        let bodyID = PostgresValue.uuid(high: body.uuid.high, low: body.uuid.low)
        try await owner.transaction { connection in
            _ = try connection.pipeline([
                (Self.insertBody, [bodyID, .bytea(Array(bytes.utf8))]),
                (Self.insertMail, [id, bodyID, .int8(Int64(bytes.utf8.count))]),
                (Self.insertRecipients, [id, .int8Array(accounts.map(\.value)), .int2(stage.rawValue)]),
            ])
            if let verdict { _ = try connection.execute(Self.insertVerdict, [id, .text(verdict.rawValue)]) }
        }
        return mail
    }

    func work(_ mail: MailID, stage: Stage, verdict: Verdict.Label? = nil) async throws {
        let id = PostgresValue.uuid(high: mail.uuid.high, low: mail.uuid.low)
        try await owner.transaction { connection in
            if let verdict { _ = try connection.execute(Self.insertVerdict, [id, .text(verdict.rawValue)]) }
            _ = try connection.execute(Self.insertWork, [id, .int2(stage.rawValue)])
        }
    }

    func sql(_ text: String) async throws { try await owner.withConnection { try $0.script(text) } }

    struct Entry: Equatable {
        var name: String
        var uid: Int64
        var modseq: Int64
        var flags: Int64
        var mail: MailID
        var prefix: String
    }

    /// By mailbox name and UID.
    func entries(_ account: AccountID) async throws -> [Entry] {
        try await owner.withConnection { connection in
            try connection.execute(Self.listEntries, [.int8(account.value)]).map { row in
                let (high, low) = try row.uuid(4)
                return Entry(
                    name: try row.text(0), uid: try row.int8(1), modseq: try row.int8(2), flags: try row.int8(3),
                    mail: MailID(UUIDv7(high: high, low: low)),
                    prefix: String(decoding: try row.bytes(5), as: UTF8.self))
            }
        }
    }

    func mailbox(_ account: AccountID, _ name: String) async throws -> MailboxRecord? {
        try await MailboxStore(pool: owner).find(account, name: name)
    }

    /// The row's counters beside the truth of its messages; empty when all agree.
    func miscounted() async throws -> [String] {
        try await owner.withConnection { connection in
            try connection.execute(Self.recount).map { try $0.text(0) }
        }
    }

    private static let insertAccount = PreparedStatement(
        "fx_account", "INSERT INTO account (address, scram) VALUES ($1, 'x') RETURNING account_id")
    private static let insertBody = PreparedStatement(
        "fx_body",
        """
        WITH b AS (INSERT INTO body (body_id, size) VALUES ($1, octet_length($2::bytea)))
        INSERT INTO body_chunk (body_id, seq, bytes) VALUES ($1, 0, $2::bytea)
        """)
    private static let insertMail = PreparedStatement(
        "fx_mail",
        """
        INSERT INTO mail (mail_id, body_id, received_at, origin, envelope_from, peer, helo, size, traceparent, summary)
        VALUES ($1, $2, now() - interval '1 min', 1, 'bob@remote.test', '192.0.2.1', 'remote.test', $3,
            '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01', '')
        """)
    private static let insertRecipients = PreparedStatement(
        "fx_recipients",
        """
        WITH r AS (
            INSERT INTO recipient (mail_id, recipient, address, account_id)
            SELECT $1, n, address, account_id FROM unnest($2::bigint[]) WITH ORDINALITY AS u (account_id, n)
            LEFT JOIN account USING (account_id) WHERE address IS NOT NULL
        )
        INSERT INTO work (mail_id, recipient, stage, next_hint_at)
        SELECT $1, n, $3, now() + interval '10 s' FROM unnest($2::bigint[]) WITH ORDINALITY AS u (account_id, n)
        """)
    private static let insertWork = PreparedStatement(
        "fx_work", "INSERT INTO work (mail_id, recipient, stage, next_hint_at) VALUES ($1, 0, $2, now())")
    private static let insertVerdict = PreparedStatement(
        "fx_verdict",
        """
        INSERT INTO verdict (mail_id, label, probability, reasons, model_version)
        VALUES ($1, $2, 0.9, '[{"code": "words.subject", "text": "the word casino", "weight": 2.5}]', 3)
        """)
    private static let listEntries = PreparedStatement(
        "fx_entries",
        """
        SELECT b.name, m.uid, m.modseq, m.flags, m.mail_id, m.prefix
        FROM mailbox_message m JOIN mailbox b USING (account_id, mailbox_id)
        WHERE m.account_id = $1 ORDER BY b.name, m.uid
        """)
    private static let recount = PreparedStatement(
        "fx_recount",
        """
        SELECT b.account_id || '/' || b.name FROM mailbox b LEFT JOIN LATERAL (
            SELECT count(*) AS messages, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
                count(*) FILTER (WHERE flags & 8 <> 0) AS deleted, coalesce(sum(m.size), 0) AS bytes,
                coalesce(max(uid), 0) AS last, coalesce(max(m.modseq), 0) AS modseq
            FROM mailbox_message m WHERE m.account_id = b.account_id AND m.mailbox_id = b.mailbox_id
        ) AS t ON true
        WHERE (b.messages, b.unseen, b.deleted, b.bytes) <> (t.messages, t.unseen, t.deleted, t.bytes)
            OR b.uidnext <= t.last OR b.modseq < t.modseq
        """)
}
