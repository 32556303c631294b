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
    /// - Parameter isWanted: asked on the connection's thread just before sending; a `false` sends nothing.
    /// - Returns: whether it was wanted.
    package func commit(_ mails: [AcceptedMail], isWanted: @Sendable () -> Bool = { true }) async throws -> Bool {
        let calls = Self.inserts(of: mails)
        let endings = Self.endings(of: mails)
        return try await pool.transaction(identified: true) { connection in
            guard isWanted() else { return false }
            if !endings.isEmpty {
                for rows in try connection.pipeline(endings) where rows.affected != 1 { throw BodyGone() }
            }
            _ = try connection.commit(after: calls)
            return true
        }
    }

    /// Which of the mails are there, asked in a writing transaction on a new connection: its commit says that what it
    /// saw is durable as well, on a synchronous standby too.
    func find(_ mails: [MailID], timeout: Duration) async throws -> Set<MailID> {
        try await pool.transactionOnNewConnection(timeout: timeout) { connection in
            let rows = try connection.execute(Self.find, [.uuidArray(mails.map { ($0.uuid.high, $0.uuid.low) })])
            return Set(try rows.map { MailID(UUIDv7(try $0.uuid(0))) })
        }
    }

    /// Whether the transaction can still commit. Asked on a new connection.
    func isInProgress(_ error: PostgresError, timeout: Duration) async throws -> Bool {
        try await pool.withNewConnection(timeout: timeout) { connection in
            if let transaction = error.transactionID {
                let rows = try connection.execute(Self.transactionStatus, [.text(String(transaction))])
                return try rows.first?.optionalText(0) == "in progress"
            }
            // It ended before it told its id: end the server process, if it is still there, so that its fate is final.
            let rows = try connection.execute(
                Self.endBackend, [.int4(error.backendProcess), .text(connection.applicationName)])
            return try rows.contains { try !$0.bool(0) }
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

    static func inserts(of mails: [AcceptedMail]) -> [PostgresConnection.Call] {
        var calls: [PostgresConnection.Call] = []
        // An inline body takes the mail's own id: one less random value, and the rows lie together.
        let inline = mails.compactMap { mail -> (id: UUIDv7, bytes: [UInt8])? in
            if case .inline(let bytes) = mail.body { (mail.id.uuid, bytes) } else { nil }
        }
        if !inline.isEmpty {
            let ids = uuids(inline.map(\.id))
            calls.append((insertBodies, [ids, .int8Array(inline.map { Int64($0.bytes.count) })]))
            calls.append((insertChunks, [ids, .byteaArray(inline.map(\.bytes))]))
        }
        let mailIDs = uuids(mails.map(\.id.uuid))
        calls.append((insertMails, mailColumns(of: mails, ids: mailIDs)))
        calls.append((insertRecipients, recipientColumns(of: mails)))
        calls.append((insertWork, [mailIDs, .int2(Stage.classify.rawValue)]))
        calls.append((insertEvents, [mailIDs, .int4Array(mails.map { Int32(clamping: $0.recipients.count) })]))
        return calls
    }

    private static func mailColumns(of mails: [AcceptedMail], ids: PostgresValue) -> [PostgresValue] {
        [
            ids,
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
    private static let insertBodies = PreparedStatement(
        "accept_body", "INSERT INTO body (body_id, size) SELECT * FROM unnest($1::uuid[], $2::bigint[])")

    private static let insertChunks = PreparedStatement(
        "accept_chunk",
        """
        INSERT INTO body_chunk (body_id, seq, bytes)
        SELECT b.body_id, 0, b.bytes FROM unnest($1::uuid[], $2::bytea[]) AS b(body_id, bytes)
        """)

    private static let insertMails = PreparedStatement(
        "accept_mail",
        """
        INSERT INTO mail (mail_id, body_id, received_at, origin, envelope_from, account_id, peer, helo, size,
            traceparent, summary)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::smallint[], $5::text[], $6::bigint[],
            $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bytea[])
        """)

    private static let insertRecipients = PreparedStatement(
        "accept_recipient",
        """
        INSERT INTO recipient (mail_id, recipient, address, account_id, via)
        SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::bigint[], $5::text[])
        """)

    /// The hint goes out right after the commit; the sweeper repeats it when `next_hint_at` has passed.
    private static let insertWork = PreparedStatement(
        "accept_work",
        """
        INSERT INTO work (mail_id, recipient, stage, next_hint_at)
        SELECT m, 0, $2, now() + interval '10 s' FROM unnest($1::uuid[]) AS m
        """)

    private static let insertEvents = PreparedStatement(
        "accept_event",
        """
        INSERT INTO mail_event (mail_id, event, detail)
        SELECT e.mail_id, 'accepted', jsonb_build_object('recipients', e.recipients)
        FROM unnest($1::uuid[], $2::integer[]) AS e(mail_id, recipients)
        """)

    private static let find = PreparedStatement(
        "accept_find", "SELECT mail_id FROM mail WHERE mail_id = ANY ($1::uuid[])")

    /// NULL when it is too old to be known; an id of another timeline is an error, so not in progress either.
    private static let transactionStatus = PreparedStatement(
        "accept_status", "SELECT pg_xact_status($1::text::xid8)")

    private static let endBackend = PreparedStatement(
        "accept_end_backend",
        """
        SELECT pg_terminate_backend(pid, 1500) FROM pg_stat_activity
        WHERE pid = $1 AND application_name = $2 AND usename = session_user
        """)
}

extension UUIDv7 {
    package init(_ parts: (high: UInt64, low: UInt64)) { self.init(high: parts.high, low: parts.low) }
}
