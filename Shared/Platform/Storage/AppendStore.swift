package import MailCore
package import PostgreSQL

/// A message that its owner puts into a mailbox (RFC 3501 6.3.11).
package struct AppendedMessage: Sendable {
    package var mail: MailID
    package var body: AcceptedBody
    package var flags: NamedFlags
    package var internalDate: Timestamp
    package var receivedAt: Timestamp
    /// Address of the client.
    package var peer: String
    package var traceparent: TraceParent
    /// `MessageSummary.encoded()`.
    package var summary: [UInt8]

    package init(
        mail: MailID, body: AcceptedBody, flags: NamedFlags, internalDate: Timestamp, receivedAt: Timestamp,
        peer: String,
        traceparent: TraceParent, summary: [UInt8]
    ) {
        self.mail = mail
        self.body = body
        self.flags = flags
        self.internalDate = internalDate
        self.receivedAt = receivedAt
        self.peer = peer
        self.traceparent = traceparent
        self.summary = summary
    }
}

/// Writes APPEND: the mail and its mailbox entry commit together. It has no work rows: nothing is classified or filed.
package struct AppendStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// For a message above `BodyUpload.chunkSize`: its bytes are written while they arrive.
    package func upload() async throws -> BodyUpload { try await BodyUpload.begin(in: pool) }

    /// Where a message went.
    package struct Appended: Sendable {
        package let uidValidity: UInt32
        /// Its only change is the new message.
        package let delta: MailboxDelta
    }

    /// In one round trip, unless the message brings keywords or was too large to be held.
    package func append(_ message: AppendedMessage, to account: AccountID, name: String) async throws -> Appended {
        try await pool.transaction { connection in
            var flags = message.flags.system.intersection(.system)
            if !message.flags.keywords.isEmpty {
                let found = try connection.execute(Self.findMailbox, [.int8(account.value), .text(name)])
                guard let id = try found.first?.int8(0) else { throw MailboxError.noSuchMailbox }
                var mailbox = try connection.lockMailbox(MailboxKey(account: account, mailbox: MailboxID(id)))
                try connection.addKeywords(message.flags.keywords, to: &mailbox)
                flags = MailboxFlags(rawValue: message.flags.bits(mailbox.keywords))
            }
            if case .stored(let body, let size) = message.body {
                let call = BodyUpload.ending(body, size: size)
                guard try connection.execute(call.0, call.1).affected == 1 else { throw BodyUpload.Gone() }
            }
            let call = Self.call(message, flags, account, name)
            guard let row = try connection.commit(after: [call])[0].first else {
                let isThere = try connection.execute(Self.findMailbox, [.int8(account.value), .text(name)]).count > 0
                throw isThere ? MailboxError.noUIDsLeft : .noSuchMailbox
            }
            return try appended(row, account, flags)
        }
    }

    private func appended(
        _ row: PostgresRow, _ account: AccountID, _ flags: MailboxFlags
    ) throws(PostgresError) -> Appended {
        let (uid, modseq) = (try row.int8(2), try row.int8(3))
        let delta = MailboxDelta(
            key: MailboxKey(account: account, mailbox: MailboxID(try row.int8(0))), before: modseq - 1, after: modseq,
            uidNext: uid + 1, keywords: MailboxKeywords(try row.textArray(4)),
            changed: [.init(uid: UInt32(truncatingIfNeeded: uid), flags: flags)])
        return Appended(uidValidity: UInt32(truncatingIfNeeded: try row.int8(1)), delta: delta)
    }

    private static func call(
        _ message: AppendedMessage, _ flags: MailboxFlags, _ account: AccountID, _ name: String
    ) -> PostgresConnection.Call {
        let mail = PostgresValue.uuid(high: message.mail.uuid.high, low: message.mail.uuid.low)
        let body: PostgresValue
        let bytes: PostgresValue
        switch message.body {
        case .inline(let content):
            // The mail's own number serves for the body that only it has brought.
            body = mail
            bytes = .bytea(content)
        case .stored(let id, _):
            body = .uuid(high: id.uuid.high, low: id.uuid.low)
            bytes = .null(.bytea)
        }
        return (
            appendMessage,
            [
                .int8(account.value), .text(name), mail, body, .int8(Int64(message.body.size)), bytes,
                .timestamptz(microseconds: message.receivedAt.microseconds), .int2(MailOrigin.append.rawValue),
                .text(message.peer), .text(message.traceparent.description), .bytea(message.summary),
                .int8(flags.rawValue), .timestamptz(microseconds: message.internalDate.microseconds),
                .int8(MailboxRecord.maximumUID),
            ]
        )
    }

    private static let findMailbox = PreparedStatement(
        "append_find", "SELECT mailbox_id FROM mailbox WHERE account_id = $1 AND name = $2")

    // The first part takes the row lock, the UID and the modseq; where it finds no row, nothing is written.
    private static let appendMessage = PreparedStatement(
        "append_message",
        """
        WITH place AS (
            UPDATE mailbox SET uidnext = uidnext + 1, modseq = modseq + 1, messages = messages + 1,
                unseen = unseen + 1 - ($12 & 1), deleted = deleted + ($12 >> 3 & 1), bytes = bytes + $5
            WHERE account_id = $1 AND name = $2 AND uidnext <= $14
            RETURNING mailbox_id, uidvalidity, uidnext - 1 AS uid, modseq, keywords
        ), body AS (
            INSERT INTO body (body_id, size) SELECT $4, $5 FROM place WHERE $6 IS NOT NULL
        ), chunk AS (
            INSERT INTO body_chunk (body_id, seq, bytes) SELECT $4, 0, $6 FROM place WHERE $6 IS NOT NULL
        ), mail AS (
            INSERT INTO mail
                (mail_id, body_id, received_at, origin, envelope_from, account_id, peer, helo, size, traceparent, summary)
            SELECT $3, $4, $7, $8, '', $1, $9, '', $5, $10, $11 FROM place
        ), entry AS (
            INSERT INTO mailbox_message
                (account_id, mailbox_id, uid, modseq, flags, mail_id, body_id, size, prefix, internal_date)
            SELECT $1, mailbox_id, uid, modseq, $12, $3, $4, $5, '', $13 FROM place
        ), event AS (
            INSERT INTO mail_event (mail_id, event, detail)
            SELECT $3, 'appended', jsonb_build_object('account', $1::bigint, 'mailbox', mailbox_id, 'uid', uid) FROM place
        )
        SELECT mailbox_id, uidvalidity, uid, modseq, keywords FROM place
        """)
}
