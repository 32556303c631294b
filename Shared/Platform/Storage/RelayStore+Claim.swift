import MailCore
import PostgreSQL

/// Claiming copies under a lease.
extension RelayStore {
    /// An attempt that ends its process so often in a row parks the copy.
    private static let maximumStarts: Int16 = 5

    /// Claims due copies of the lease's domain, grouped by mail, oldest first, with small bodies. When nothing is due,
    /// the lease is given back in the same transaction, so that a copy which comes now is seen by the next look.
    /// - Parameters:
    ///   - limit: mails, about.
    ///   - bytes: the mail that reaches it is the last one.
    package func claim(_ lease: RelayLease, limit: Int, bytes: Int = 1_048_576) async throws -> RelayClaim {
        do {
            return try await claim(lease, limit, bytes, withBodies: true)
        } catch let error as PostgresError where error.isUnreadable {
            // One of the bodies: that is its mail's trouble, not the domain's.
            return try await claim(lease, limit, bytes, withBodies: false)
        }
    }

    private func claim(
        _ lease: RelayLease, _ limit: Int, _ bytes: Int, withBodies: Bool
    ) async throws -> RelayClaim {
        let (domain, fence) = (PostgresValue.text(lease.domain), PostgresValue.int8(lease.fence))
        let most = PostgresValue.int4(Int32(clamping: limit))
        return try await retryingConflicts {
            try await pool.transaction { connection in
                var claim = RelayClaim()
                let heads = try connection.pipeline([
                    (Self.lockDestination, [domain]), (Self.isLeaseAlive, [fence]),
                    (Self.claimDue, [domain, fence, most, .int8(Int64(clamping: bytes)), .bool(withBodies)]),
                ])
                guard heads.count == 3, try heads[1].first?.bool(0) == true, let head = heads[0].first else {
                    claim.isLeaseLost = true
                    return claim
                }
                claim.isHeld = try head.bool(0)
                claim.lastReply = try head.optionalText(1)
                let rows = claim.isHeld ? try connection.execute(Self.claimOverdue, [domain, fence, most]) : heads[2]
                var exhausted: [(MailID, Int32)] = []
                for row in rows {
                    if try row.int2(2) > Self.maximumStarts {
                        exhausted.append((try row.mailID(0), try row.int4(1)))
                    } else {
                        try claim.add(row)
                    }
                }
                claim.isFull = claim.mails.count >= limit || claim.mails.reduce(0) { $0 + $1.size } >= bytes
                claim.parked = exhausted.map(\.0)
                var calls: [PostgresConnection.Call] = []
                if !exhausted.isEmpty { calls.append(Self.parking(exhausted)) }
                if rows.isEmpty { calls.append((Self.dropLease, [fence, .bool(false)])) }
                calls.append((Self.refresh, [.textArray([lease.domain])]))
                _ = try connection.commit(after: calls)
                return claim
            }
        }
    }

    /// The body's first chunk, and the summary of a larger one.
    package func beginning(of mail: RelayMail) async throws -> (bytes: [UInt8], summary: [UInt8]) {
        let id = PostgresValue.uuid(high: mail.id.uuid.high, low: mail.id.uuid.low)
        return try await pool.withConnection { connection in
            guard let row = try connection.execute(Self.readBeginning, [id]).first else { return ([], []) }
            return (try row.optionalBytes(0) ?? [], try row.optionalBytes(1) ?? [])
        }
    }

    private static let readBeginning = PreparedStatement(
        "relay_read_beginning",
        """
        SELECT (SELECT bytes FROM body_chunk WHERE body_chunk.body_id = mail.body_id AND seq = 0),
            CASE WHEN size > 262144 THEN summary END
        FROM mail WHERE mail_id = $1
        """)

    private static func parking(_ copies: [(mail: MailID, recipient: Int32)]) -> PostgresConnection.Call {
        (parkCopies, [ids(copies.map(\.mail)), .int4Array(copies.map(\.recipient))])
    }

    /// Nothing when the lease is gone or the domain held. The body comes with the first copy of a mail.
    private static let claimDue = PreparedStatement(
        "relay_claim_due",
        """
        WITH mails AS MATERIALIZED (
            SELECT * FROM (
                SELECT due.mail_id, due.due_at, mail.*, sum(mail.size) OVER (ORDER BY due.due_at, due.mail_id) AS total
                FROM (
                    SELECT mail_id, min(due_at) AS due_at FROM (
                        SELECT mail_id, due_at FROM relay_copy WHERE domain = $1 AND fence = 0 AND due_at <= now()
                            AND EXISTS (SELECT FROM relay_lease WHERE relay_lease.fence = $2 AND until > now())
                            AND NOT EXISTS (
                                SELECT FROM relay_destination WHERE relay_destination.domain = $1 AND held_until > now())
                        ORDER BY due_at LIMIT $3
                    ) AS first GROUP BY mail_id
                ) AS due CROSS JOIN LATERAL (
                    SELECT body_id, size, envelope_from, origin, account_id FROM mail
                    WHERE mail.mail_id = due.mail_id OFFSET 0
                ) AS mail
            ) AS summed WHERE total - size < $4
        ), wanted AS MATERIALIZED (
            SELECT copy.place FROM mails CROSS JOIN LATERAL (
                SELECT relay_copy.ctid AS place FROM relay_copy
                WHERE relay_copy.mail_id = mails.mail_id AND domain = $1 AND fence + 0 = 0 AND due_at <= now()
                ORDER BY recipient LIMIT 1000
            ) AS copy
        ), claimed AS (
            UPDATE relay_copy SET fence = $2, starts = starts + 1
            WHERE ctid = ANY (ARRAY(SELECT place FROM wanted))
            RETURNING mail_id, recipient, starts, tries, prefix
        ), numbered AS (
            SELECT claimed.*, row_number() OVER (PARTITION BY mail_id ORDER BY recipient) AS place FROM claimed
        )
        SELECT mail_id, numbered.recipient, starts, tries, prefix, receiver.address, receiver.via, body_id, size,
            envelope_from, origin, account_id, CASE WHEN $5 AND place = 1 AND size <= 262144 THEN (
                SELECT bytes FROM body_chunk WHERE body_chunk.body_id = mails.body_id AND seq = 0
            ) END
        FROM numbered JOIN mails USING (mail_id)
        CROSS JOIN LATERAL (
            SELECT address, via FROM recipient
            WHERE recipient.mail_id = numbered.mail_id AND recipient.recipient = numbered.recipient OFFSET 0
        ) AS receiver
        ORDER BY mails.due_at, mail_id, numbered.recipient
        """)

    /// Of a held domain: only copies whose time is over.
    private static let claimOverdue = PreparedStatement(
        "relay_claim_overdue",
        """
        WITH wanted AS MATERIALIZED (
            SELECT relay_copy.ctid AS place FROM relay_copy WHERE domain = $1 AND fence = 0 AND expires_at <= now()
            ORDER BY expires_at LIMIT $3
        ), claimed AS (
            UPDATE relay_copy SET fence = $2, starts = starts + 1
            WHERE ctid = ANY (ARRAY(SELECT place FROM wanted))
            RETURNING mail_id, recipient, starts, tries, prefix
        )
        SELECT claimed.mail_id, claimed.recipient, claimed.starts, claimed.tries, claimed.prefix, receiver.address,
            receiver.via, mail.body_id, mail.size, mail.envelope_from, mail.origin, mail.account_id, NULL::bytea
        FROM claimed
        CROSS JOIN LATERAL (SELECT * FROM mail WHERE mail.mail_id = claimed.mail_id OFFSET 0) AS mail
        CROSS JOIN LATERAL (
            SELECT address, via FROM recipient
            WHERE recipient.mail_id = claimed.mail_id AND recipient.recipient = claimed.recipient OFFSET 0
        ) AS receiver
        ORDER BY claimed.mail_id, claimed.recipient
        """)

    private static let parkCopies = PreparedStatement(
        "relay_park_copies",
        """
        WITH wanted AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::integer[]) AS copy (mail_id, recipient) ORDER BY mail_id, recipient
        ), locked AS MATERIALIZED (
            SELECT unfinished.* FROM wanted CROSS JOIN LATERAL (
                SELECT mail_id, recipient, ctid AS place FROM work
                WHERE work.mail_id = wanted.mail_id AND work.recipient = wanted.recipient AND stage + 0 = 3 FOR UPDATE
            ) AS unfinished
        ), parked AS (
            UPDATE work SET parked_at = now(), last_error = 'the relay ended during the attempt'
            WHERE ctid = ANY (ARRAY(SELECT place FROM locked)) RETURNING mail_id, recipient
        ), copies AS (
            UPDATE relay_copy SET fence = -1 FROM wanted
            WHERE relay_copy.mail_id = wanted.mail_id AND relay_copy.recipient = wanted.recipient
        )
        INSERT INTO mail_event (mail_id, event, recipient, detail)
        SELECT mail_id, 'parked', recipient, '{"stage": 3, "reason": "the relay ended during the attempt"}' FROM parked
        """)
}

extension PostgresError {
    /// A file of the database cannot be read (class 58), what it holds makes no sense (XX), or it takes too long.
    fileprivate var isUnreadable: Bool {
        sqlState.map { $0.hasPrefix("58") || $0.hasPrefix("XX") || $0 == "57014" } ?? false
    }
}

extension RelayClaim {
    /// Rows of one mail follow each other.
    fileprivate mutating func add(_ row: PostgresRow) throws {
        let id = try row.mailID(0)
        let copy = RelayMail.Copy(
            recipient: try row.int4(1), address: try row.text(5), via: try row.optionalText(6),
            tries: Int(try row.int4(3)), prefix: try row.optionalBytes(4))
        if let last = mails.indices.last, mails[last].id == id {
            mails[last].copies.append(copy)
            return
        }
        mails.append(
            RelayMail(
                id: id, body: try row.bodyID(7), size: Int(try row.int8(8)), sender: try row.text(9),
                origin: MailOrigin(rawValue: try row.int2(10)) ?? .mx,
                submitter: try row.optionalInt8(11).map(AccountID.init), whole: try row.optionalBytes(12),
                copies: [copy]))
    }
}
