package import MailCore
package import PostgreSQL

/// Reads of messages: rows in bounded batches, bodies by slices of their chunks. Nothing here holds a whole large mail.
package struct MessageStore: Sendable {
    let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// What a batch of rows brings besides UID, size and internal date. Ask for no more than the items need.
    package struct Columns: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        /// The prefix and the body's id.
        package static let place = Columns(rawValue: 1)
        /// The encoded `MessageSummary`.
        package static let summary = Columns(rawValue: 2)
        /// The whole body, if it is one chunk. Only for batches of at most `MessageStore.wholeBodies` messages.
        package static let wholeBody = Columns(rawValue: 4)
    }

    /// One message; fields that were not asked for are empty.
    package struct Row: Sendable {
        package let uid: UInt32
        /// Prefix and body.
        package let size: Int
        package let internalDate: Timestamp
        package let prefix: [UInt8]
        package let body: BodyID?
        package let summary: [UInt8]
        package let wholeBody: [UInt8]?

        package init(
            uid: UInt32, size: Int, internalDate: Timestamp, prefix: [UInt8] = [], body: BodyID? = nil,
            summary: [UInt8] = [], wholeBody: [UInt8]? = nil
        ) {
            self.uid = uid
            self.size = size
            self.internalDate = internalDate
            self.prefix = prefix
            self.body = body
            self.summary = summary
            self.wholeBody = wholeBody
        }
    }

    /// A piece of one chunk of a body.
    package struct Slice: Sendable {
        package let body: BodyID
        package let chunk: Int32
        package let offset: Int32
        package let length: Int32

        package init(body: BodyID, chunk: Int32, offset: Int32, length: Int32) {
            self.body = body
            self.chunk = chunk
            self.offset = offset
            self.length = length
        }
    }

    /// Every chunk but the last of a body has this many bytes.
    package static let chunkSize = 262_144
    /// So many whole bodies are at most 4 MiB.
    package static let wholeBodies = 16

    /// A summary is usually half a kilobyte, and at most about a megabyte: a larger one than this is read alone.
    package static let smallSummary = 8192

    /// The first of the messages of `runs` that exist, ascending by UID, up to one whose summary is too large to come
    /// with others. `rest` is what was not looked at. The caller bounds the batch.
    /// - Parameter bodies: the largest whole body that comes along.
    package nonisolated(nonsending) func rows(
        _ key: MailboxKey, _ runs: UIDRuns, _ columns: Columns, bodies: Int = chunkSize
    ) async throws -> (rows: [Row], rest: UIDRuns) {
        let call = Self.reading(key, runs, columns, summaries: Self.smallSummary, bodies: bodies)
        let (found, large) = try await pool.withConnection { connection in
            try Self.found(connection.execute(call.0, call.1), summaries: Self.smallSummary)
        }
        guard let large else { return (found, UIDRuns()) }
        if let last = found.last { return (found, runs.after(last.uid)) }
        let alone = Self.reading(key, UIDRuns(large...large), columns, summaries: .max, bodies: bodies)
        return try await pool.withConnection { connection in
            (try Self.found(connection.execute(alone.0, alone.1), summaries: .max).found, runs.after(large))
        }
    }

    /// Makes the first message of `runs` \Seen and reads like `rows`, in one round trip. `rest` is a message whose large
    /// summary nothing else was read beside: the flag is set, and told of before it is read.
    package nonisolated(nonsending) func rowsMarkingFirstSeen(
        _ key: MailboxKey, _ runs: UIDRuns, _ columns: Columns, bodies: Int = chunkSize
    ) async throws -> (delta: MailboxDelta, rows: [Row], rest: UIDRuns) {
        guard let first = runs.ranges.first?.lowerBound else { throw MailboxError.messageGone }
        let mark = MailboxStore.flagChange(key, UIDRuns(first...first), .add(NamedFlags(system: .seen)))
        let read = Self.reading(key, runs, columns, summaries: Self.smallSummary, bodies: bodies)
        let (delta, found, large) = try await pool.transaction { connection in
            let (mailbox, rows) = try connection.commit([mark, read], locking: key)
            let (found, large) = try Self.found(rows[1], summaries: Self.smallSummary)
            return (mailbox.delta(changed: try entries(rows[0])), found, large)
        }
        guard found.isEmpty, let large else { return (delta, found, UIDRuns()) }
        return (delta, [], UIDRuns(large...large))
    }

    private static func reading(
        _ key: MailboxKey, _ runs: UIDRuns, _ columns: Columns, summaries: Int, bodies: Int
    ) -> PostgresConnection.Call {
        (
            readRows,
            [
                .int8(key.account.value), .int8(key.mailbox.value), runs.lows, runs.highs,
                .bool(!columns.isDisjoint(with: [.place, .wholeBody])),
                .int8(columns.contains(.summary) ? Int64(summaries) : 0),
                .int8(columns.contains(.wholeBody) ? Int64(bodies) : -1),
            ]
        )
    }

    /// Also the UID of the first message whose summary is above `summaries`, which ends the batch.
    private static func found(_ rows: PostgresRows, summaries: Int) throws -> (found: [Row], large: UInt32?) {
        var found: [Row] = []
        found.reserveCapacity(rows.count)
        for row in rows {
            if try row.optionalInt8(7) ?? 0 > summaries {
                return (found, UInt32(truncatingIfNeeded: try row.int8(0)))
            }
            found.append(try Self.row(row))
        }
        return (found, nil)
    }

    private static func row(_ row: PostgresRow) throws -> Row {
        let body = try row.optionalUUID(4).map { BodyID(UUIDv7(high: $0.high, low: $0.low)) }
        return Row(
            uid: UInt32(truncatingIfNeeded: try row.int8(0)), size: Int(try row.int8(1)),
            internalDate: Timestamp(microseconds: try row.timestamp(2)), prefix: try row.optionalBytes(3) ?? [],
            body: body, summary: try row.optionalBytes(5) ?? [], wholeBody: try row.optionalBytes(6))
    }

    /// The bytes of each slice, in the order of `slices`; nil where the chunk is gone. The caller bounds their sum.
    package nonisolated(nonsending) func read(_ slices: [Slice]) async throws -> [[UInt8]?] {
        guard !slices.isEmpty else { return [] }
        return try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.readSlices,
                [
                    .uuidArray(slices.map { ($0.body.uuid.high, $0.body.uuid.low) }),
                    .int4Array(slices.map(\.chunk)), .int4Array(slices.map { $0.offset + 1 }),
                    .int4Array(slices.map(\.length)),
                ])
            var found = [[UInt8]?](repeating: nil, count: slices.count)
            for row in rows {
                let place = Int(try row.int8(0)) - 1
                guard found.indices.contains(place) else { continue }
                found[place] = try row.optionalBytes(1)
            }
            return found
        }
    }

    // Scalar subqueries, and a sorted LATERAL that the planner cannot turn into a join: one look-up by key per run and
    // row, whatever it believes about the size of the batch. As a plain join the whole mailbox was read for each batch.
    private static let readRows = PreparedStatement(
        "message_rows",
        """
        SELECT m.uid, m.size, m.internal_date, CASE WHEN $5 THEN m.prefix END, CASE WHEN $5 THEN m.body_id END,
            CASE WHEN octet_length(mail.summary) <= $6 THEN mail.summary END,
            CASE WHEN m.size - length(m.prefix) <= $7
                THEN (SELECT c.bytes FROM body_chunk c WHERE c.body_id = m.body_id AND c.seq = 0) END,
            octet_length(mail.summary)
        FROM (
            SELECT message.* FROM unnest($3::bigint[], $4::bigint[]) AS run (low, high) CROSS JOIN LATERAL (
                SELECT * FROM mailbox_message
                WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN run.low AND run.high ORDER BY uid
            ) AS message
            ORDER BY uid
        ) AS m
        LEFT JOIN LATERAL (
            SELECT summary FROM mail WHERE mail.mail_id = m.mail_id AND $6 > 0 OFFSET 0
        ) AS mail ON true
        ORDER BY m.uid
        """)

    private static let readSlices = PreparedStatement(
        "message_slices",
        """
        SELECT wanted.place, (
            SELECT substring(c.bytes FROM wanted.first FOR wanted.length) FROM body_chunk c
            WHERE c.body_id = wanted.body_id AND c.seq = wanted.seq)
        FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[])
            WITH ORDINALITY AS wanted (body_id, seq, first, length, place)
        """)
}
