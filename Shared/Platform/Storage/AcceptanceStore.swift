package import MailCore
package import PostgreSQL

/// Writes a batch of accepted mails in one transaction and one round trip.
package struct AcceptanceStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// A streamed body was reaped, or finished twice.
    package struct BodyGone: Error {}

    /// Commits the mails, or throws and (unless the outcome is unknown) has committed none.
    ///
    /// - Parameter isWanted: asked just before sending; a `false` sends nothing.
    /// - Returns: whether it was wanted.
    package func commit(
        _ mails: [AcceptedMail], on connection: isolated PostgresConnection, isWanted: @Sendable () -> Bool = { true }
    ) throws -> Bool {
        let insert = Self.insert(mails)
        let endings = Self.endings(of: mails)
        return try connection.transaction(outcomeIsLookedUp: true) { connection in
            guard isWanted() else { return false }
            if !endings.isEmpty {
                for rows in try connection.pipeline(endings) where rows.affected != 1 { throw BodyGone() }
            }
            _ = try connection.commit(after: [insert])
            return true
        }
    }

    /// Which of the mails are there, asked in a transaction on a new connection that writes a record to the log: its commit
    /// says that what it saw is durable as well, on a synchronous standby too.
    func find(_ mails: [MailID], timeout: Duration) async throws -> Set<MailID> {
        try await pool.transactionOnNewConnection(timeout: timeout) { connection in
            let rows = try connection.commit(after: [
                (Self.writeToLog, []), (Self.find, [.uuidArray(mails.map { ($0.uuid.high, $0.uuid.low) })]),
            ])[1]
            return Set(try rows.map { MailID(UUIDv7(try $0.uuid(0))) })
        }
    }

    /// What became of a transaction whose COMMIT has no answer.
    enum Fate: Equatable {
        /// It may still commit. Its id, once it is known.
        case open(id: String?)
        case over
    }

    /// Asked on a new connection. A transaction seen with an id is not disturbed. Without one it is over or has written nothing
    /// yet, and must not do so any more: its server process is ended, if it is still there.
    func fate(of process: Int32, id: String?, timeout: Duration) async throws -> Fate {
        try await pool.withNewConnection(timeout: timeout) { connection in
            if let id {
                let status = try connection.execute(Self.transactionStatus, [.text(id)]).first?.optionalText(0)
                return status == "in progress" ? .open(id: id) : .over
            }
            let name: [PostgresValue] = [.int4(process), .text(connection.applicationName)]
            guard let row = try connection.execute(Self.identifyOrEnd, name).first else { return .over }
            if let id = try row.optionalText(0) { return .open(id: id) }
            return try row.bool(1) ? .over : .open(id: nil)
        }
    }

    // MARK: - Rows

    private static func uuids(_ ids: some Sequence<UUIDv7>) -> PostgresValue {
        .uuidArray(ids.map { ($0.high, $0.low) })
    }

    private static func endings(of mails: [AcceptedMail]) -> [PostgresConnection.Call] {
        mails.compactMap { mail in
            if case .stored(let body, let size) = mail.body { BodyUpload.ending(body, size: size) } else { nil }
        }
    }

    /// One statement for all tables: at ten sessions a batch holds a few mails, and each statement has its fixed cost.
    static func insert(_ mails: [AcceptedMail]) -> PostgresConnection.Call {
        // An inline body takes the mail's own id: one less random value, and the rows lie together.
        let inline = mails.compactMap { mail -> (id: UUIDv7, bytes: [UInt8])? in
            if case .inline(let bytes) = mail.body { (mail.id.uuid, bytes) } else { nil }
        }
        let bodies: [PostgresValue] = [
            uuids(inline.map(\.id)), .int8Array(inline.map { Int64($0.bytes.count) }),
            .byteaArray(inline.map(\.bytes)),
        ]
        let work: [PostgresValue] = [
            .int2(Stage.classify.rawValue), .int4Array(mails.map { Int32(clamping: $0.recipients.count) }),
        ]
        return (insertAll, mailColumns(of: mails) + bodies + recipientColumns(of: mails) + work)
    }

    private static func mailColumns(of mails: [AcceptedMail]) -> [PostgresValue] {
        [
            uuids(mails.map(\.id.uuid)),
            uuids(
                mails.map { mail in
                    if case .stored(let body, _) = mail.body { body.uuid } else { mail.id.uuid }
                }),
            .timestamptzArray(mails.map(\.receivedAt.microseconds)),
            .int2Array(mails.map(\.origin.rawValue)),
            .textArray(mails.map(\.envelopeFrom)),
            .int8ArrayOfOptionals(mails.map { $0.submitter?.value }),
            .textArray(mails.map(\.peer)),
            .textArray(mails.map(\.helo)),
            .int8Array(mails.map { Int64($0.size) }),
            .textArray(mails.map(\.traceparent.description)),
            .byteaArray(mails.map(\.summary)),
        ]
    }

    private static func recipientColumns(of mails: [AcceptedMail]) -> [PostgresValue] {
        var ids: [(high: UInt64, low: UInt64)] = []
        var numbers: [Int32] = []
        var addresses: [String] = []
        var accounts: [Int64?] = []
        var forwarders: [String?] = []
        for mail in mails {
            for (index, recipient) in mail.recipients.enumerated() {
                ids.append((mail.id.uuid.high, mail.id.uuid.low))
                numbers.append(Int32(clamping: index + 1))
                addresses.append(recipient.address)
                accounts.append(recipient.account?.value)
                forwarders.append(recipient.via)
            }
        }
        return [
            .uuidArray(ids), .int4Array(numbers), .textArray(addresses), .int8ArrayOfOptionals(accounts),
            .textArrayOfOptionals(forwarders),
        ]
    }
}

// MARK: - Statements

extension AcceptanceStore {
    /// The hint goes out right after the commit; the sweeper repeats it when `next_hint_at` has passed.
    private static let insertAll = PreparedStatement(
        "accept",
        """
        WITH bodies AS (
            INSERT INTO body (body_id, size) SELECT * FROM unnest($12::uuid[], $13::bigint[])
        ), chunks AS (
            INSERT INTO body_chunk (body_id, seq, bytes)
            SELECT body_id, 0, bytes FROM unnest($12::uuid[], $14::bytea[]) AS inline (body_id, bytes)
        ), recipients AS (
            INSERT INTO recipient (mail_id, recipient, address, account_id, via)
            SELECT * FROM unnest($15::uuid[], $16::integer[], $17::text[], $18::bigint[], $19::text[])
        ), works AS (
            INSERT INTO work (mail_id, recipient, stage, next_hint_at)
            SELECT mail_id, 0, $20, now() + interval '10 s' FROM unnest($1::uuid[]) AS mails (mail_id)
        ), events AS (
            INSERT INTO mail_event (mail_id, event, detail)
            SELECT mail_id, 'accepted', jsonb_build_object('recipients', recipients)
            FROM unnest($1::uuid[], $21::integer[]) AS mails (mail_id, recipients)
        )
        INSERT INTO mail (mail_id, body_id, received_at, origin, envelope_from, account_id, peer, helo, size,
            traceparent, summary)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::smallint[], $5::text[], $6::bigint[],
            $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bytea[])
        """)

    private static let find = PreparedStatement(
        "accept_find", "SELECT mail_id FROM mail WHERE mail_id = ANY ($1::uuid[])")

    /// A COMMIT waits for the disk and the standby only after a transaction with a record in the log; an id alone is none. Without
    /// a slot for logical decoding nobody reads the record.
    private static let writeToLog = PreparedStatement(
        "accept_write_to_log", "SELECT pg_logical_emit_message(true, 'martlet', '')")

    /// NULL when it is too old to be known; an id of another timeline is an error, so not in progress either.
    private static let transactionStatus = PreparedStatement(
        "accept_status", "SELECT pg_xact_status($1::text::xid8)")

    /// The id, or whether the process has ended: one statement, so that little time passes between the look and the end. A
    /// transaction that takes its id in between is ended before its COMMIT or committed: `find` tells.
    ///
    /// An activity shows the lower 32 bits; the whole id is the one that has them and is nearest to the latest.
    private static let identifyOrEnd = PreparedStatement(
        "accept_identify_or_end",
        """
        SELECT (latest + mod(low - mod(latest, 4294967296) + 6442450944, 4294967296) - 2147483648)::text,
            CASE WHEN low IS NULL THEN pg_terminate_backend(pid, 1500) END
        FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS latest) AS clock
        CROSS JOIN (
            SELECT pid, backend_xid::text::bigint AS low FROM pg_stat_activity
            WHERE pid = $1 AND application_name = $2 AND usename = session_user
        ) AS process
        """)
}

extension UUIDv7 {
    package init(_ parts: (high: UInt64, low: UInt64)) { self.init(high: parts.high, low: parts.low) }
}
