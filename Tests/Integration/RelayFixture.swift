import MailCore
import PostgreSQL
import Storage

/// A database with mails for other hosts, and a pool with relayd's own role, so that its rights are tested too.
struct RelayFixture {
    let owner: PostgresPool
    let relayd: PostgresPool
    var store: RelayStore { RelayStore(pool: relayd) }

    static func with<T>(_ body: (RelayFixture) async throws -> T) async throws -> T {
        try await TestDatabase.with { configuration in
            var restricted = configuration
            restricted.url = FilingFixture.withRole("martlet_relayd", configuration.url)
            let fixture = RelayFixture(
                owner: PostgresPool(configuration: configuration, logger: TestDatabase.logger),
                relayd: PostgresPool(configuration: restricted, logger: TestDatabase.logger))
            try await fixture.sql("INSERT INTO domain (name) VALUES ('example.test')")
            return try await body(fixture)
        }
    }

    func sql(_ text: String) async throws { try await owner.withConnection { try $0.script(text) } }

    func account(_ name: String) async throws -> AccountID {
        try await FilingFixture(owner: owner, filerd: owner).account(name)
    }

    /// A mail with work at stage relay for each address.
    @discardableResult
    func mail(
        from sender: String = "alice@example.test", to recipients: [String], via: String? = nil,
        body: String = "Subject: Hi\r\n\r\nBody\r\n", origin: MailOrigin = .mx, stage: Stage = .relay
    ) async throws -> MailID {
        let mail = MailID.next()
        let bytes = Array(body.utf8)
        var stored = AcceptedBody.inline(bytes)
        if bytes.count > BodyUpload.chunkSize {
            var upload = try await BodyUpload.begin(in: owner)
            try await upload.append(bytes)
            stored = try await upload.finish()
        }
        let accepted = AcceptedMail(
            id: mail, body: stored, receivedAt: .now(), origin: origin, envelopeFrom: sender, submitter: nil,
            peer: "192.0.2.1", helo: "c.test", size: bytes.count, traceparent: .start(), summary: [],
            recipients: recipients.map { AcceptedRecipient(address: $0, account: nil, via: via) })
        _ = try await owner.withConnection { try AcceptanceStore(pool: owner).commit([accepted], on: $0) }
        let id = PostgresValue.uuid(high: mail.uuid.high, low: mail.uuid.low)
        try await owner.transaction { connection in
            _ = try connection.pipeline([
                (Self.dropWork, [id]), (Self.insertWork, [id, .int2(stage.rawValue)]),
            ])
        }
        return mail
    }

    func verdict(_ label: String, of mail: MailID) async throws {
        let id = PostgresValue.uuid(high: mail.uuid.high, low: mail.uuid.low)
        try await owner.transaction { connection in
            _ = try connection.execute(Self.insertVerdict, [id, .text(label)])
        }
    }

    private static let insertVerdict = PreparedStatement(
        "rf_verdict",
        """
        INSERT INTO verdict (mail_id, label, probability, reasons, model_version) VALUES ($1, $2, 0.5, '[]', 1)
        """)

    /// What is left of a mail: work rows, copies, notes of release; and the events of one name.
    func rest(of mail: MailID) async throws -> Rest {
        let id = PostgresValue.uuid(high: mail.uuid.high, low: mail.uuid.low)
        return try await owner.withConnection { connection in
            let row = try connection.execute(Self.countRest, [id])[0]
            return Rest(
                work: Int(try row.int8(0)), copies: Int(try row.int8(1)), releases: Int(try row.int8(2)),
                events: try row.textArray(3))
        }
    }

    struct Rest: Equatable {
        var work: Int
        var copies: Int
        var releases: Int
        /// Without `accepted`.
        var events: [String]
    }

    private static let countRest = PreparedStatement(
        "rf_rest",
        """
        SELECT (SELECT count(*) FROM work WHERE mail_id = $1), (SELECT count(*) FROM relay_copy WHERE mail_id = $1),
            (SELECT count(*) FROM body_release WHERE body_id = (SELECT body_id FROM mail WHERE mail_id = $1)),
            ARRAY(SELECT event FROM mail_event WHERE mail_id = $1 AND event <> 'accepted' ORDER BY at, event)
        """)

    /// Of the mails that were accepted here: notifications and their recipients.
    func notifications() async throws -> [(mail: MailID, to: String, account: Int64?, sender: String, text: String)] {
        try await owner.withConnection { connection in
            try connection.execute(Self.listNotifications).map { row in
                let (high, low) = try row.uuid(0)
                return (
                    MailID(UUIDv7(high: high, low: low)), try row.text(1), try row.optionalInt8(2), try row.text(3),
                    String(decoding: try row.bytes(4), as: UTF8.self)
                )
            }
        }
    }

    private static let listNotifications = PreparedStatement(
        "rf_notifications",
        """
        SELECT mail.mail_id, recipient.address, recipient.account_id, mail.envelope_from, body_chunk.bytes
        FROM mail JOIN recipient USING (mail_id) JOIN body_chunk USING (body_id)
        JOIN work ON work.mail_id = mail.mail_id AND work.stage = 1
        WHERE mail.origin = 4 ORDER BY mail.mail_id, recipient.recipient
        """)

    /// Makes reads of bodies fail for relayd, as a storage does that is short of memory, while `rf_trouble` says so; the
    /// sequence `rf_hits` counts them.
    func prepareTrouble() async throws {
        try await sql(
            """
            CREATE TABLE rf_trouble AS SELECT false AS is_on;
            CREATE SEQUENCE rf_hits;
            CREATE FUNCTION rf_check() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                IF (SELECT is_on FROM rf_trouble) THEN
                    PERFORM nextval('rf_hits');
                    RAISE EXCEPTION 'out of memory' USING ERRCODE = '53200';
                END IF;
                RETURN true;
            END $$;
            ALTER TABLE body_chunk ENABLE ROW LEVEL SECURITY;
            CREATE POLICY rf_check ON body_chunk TO martlet_relayd USING (rf_check());
            """)
    }

    func setTrouble(_ isOn: Bool) async throws { try await sql("UPDATE rf_trouble SET is_on = \(isOn)") }

    func troubleHits() async throws -> Int64 {
        try await owner.number(Self.countHits)
    }

    private static let countHits = PreparedStatement(
        "rf_hits", "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM rf_hits")

    func leases() async throws -> [RelayLease] {
        try await owner.withConnection { connection in
            try connection.execute(Self.listLeases).map { RelayLease(domain: try $0.text(0), fence: try $0.int8(1)) }
        }
    }

    private static let listLeases = PreparedStatement("rf_leases", "SELECT domain, fence FROM relay_lease")

    private static let dropWork = PreparedStatement("rf_drop", "DELETE FROM work WHERE mail_id = $1")
    private static let insertWork = PreparedStatement(
        "rf_work",
        """
        INSERT INTO work (mail_id, recipient, stage, next_hint_at)
        SELECT mail_id, recipient, $2, now() + interval '10 s' FROM recipient WHERE mail_id = $1
        """)
}
