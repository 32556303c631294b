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

    /// The delta's only change is the new message.
    package func append(_ message: AppendedMessage, to key: MailboxKey) async throws -> MailboxDelta {
        try await pool.transaction { connection in
            var mailbox = try connection.lockMailbox(key)
            guard mailbox.uidNext <= MailboxRecord.maximumUID else { throw MailboxError.noUIDsLeft }
            try connection.addKeywords(message.flags.keywords, to: &mailbox)
            if case .stored(let body, let size) = message.body {
                let call = BodyUpload.ending(body, size: size)
                guard try connection.execute(call.0, call.1).affected == 1 else { throw BodyUpload.Gone() }
            }
            let flags = MailboxFlags(rawValue: message.flags.bits(mailbox.keywords))
            _ = try connection.commit(after: Self.calls(message, mailbox, flags))
            let uid = UInt32(truncatingIfNeeded: mailbox.uidNext)
            return mailbox.delta(uidNext: mailbox.uidNext + 1, changed: [.init(uid: uid, flags: flags)])
        }
    }

    private static func calls(
        _ message: AppendedMessage, _ mailbox: LockedMailbox, _ flags: MailboxFlags
    ) -> [PostgresConnection.Call] {
        let mail = PostgresValue.uuid(high: message.mail.uuid.high, low: message.mail.uuid.low)
        var calls: [PostgresConnection.Call] = []
        let body: PostgresValue
        switch message.body {
        case .inline(let bytes):
            // The mail's own number serves for the body that only it has brought.
            body = mail
            calls.append((insertBody, [body, .int8(Int64(bytes.count)), .bytea(bytes)]))
        case .stored(let id, _):
            body = .uuid(high: id.uuid.high, low: id.uuid.low)
        }
        let account = PostgresValue.int8(mailbox.key.account.value)
        let box = PostgresValue.int8(mailbox.key.mailbox.value)
        let size = PostgresValue.int8(Int64(message.body.size))
        calls.append(
            (
                insertMail,
                [
                    mail, body, .timestamptz(microseconds: message.receivedAt.microseconds),
                    .int2(MailOrigin.append.rawValue), account, .text(message.peer), size,
                    .text(message.traceparent.description), .bytea(message.summary),
                ]
            ))
        calls.append(
            (
                insertMessage,
                [
                    account, box, .int8(mailbox.uidNext), .int8(mailbox.modseq + 1), .int8(flags.rawValue), mail, body,
                    size,
                    .timestamptz(microseconds: message.internalDate.microseconds),
                ]
            ))
        calls.append(
            (
                countMessage,
                [
                    account, box, .int8(flags.contains(.seen) ? 0 : 1), .int8(flags.contains(.deleted) ? 1 : 0), size,
                ]
            ))
        calls.append((noteAppend, [mail, account, box, .int8(mailbox.uidNext)]))
        return calls
    }

    private static let insertBody = PreparedStatement(
        "append_body",
        """
        WITH body AS (INSERT INTO body (body_id, size) VALUES ($1, $2))
        INSERT INTO body_chunk (body_id, seq, bytes) VALUES ($1, 0, $3)
        """)

    private static let insertMail = PreparedStatement(
        "append_mail",
        """
        INSERT INTO mail
            (mail_id, body_id, received_at, origin, envelope_from, account_id, peer, helo, size, traceparent, summary)
        VALUES ($1, $2, $3, $4, '', $5, $6, '', $7, $8, $9)
        """)

    private static let insertMessage = PreparedStatement(
        "append_message",
        """
        INSERT INTO mailbox_message
            (account_id, mailbox_id, uid, modseq, flags, mail_id, body_id, size, prefix, internal_date)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9)
        """)

    private static let countMessage = PreparedStatement(
        "append_count",
        """
        UPDATE mailbox SET uidnext = uidnext + 1, modseq = modseq + 1, messages = messages + 1, unseen = unseen + $3,
            deleted = deleted + $4, bytes = bytes + $5
        WHERE account_id = $1 AND mailbox_id = $2
        """)

    private static let noteAppend = PreparedStatement(
        "append_event",
        """
        INSERT INTO mail_event (mail_id, event, detail)
        VALUES ($1, 'appended', jsonb_build_object('account', $2::bigint, 'mailbox', $3::bigint, 'uid', $4::bigint))
        """)
}
