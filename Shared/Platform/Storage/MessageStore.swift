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

    /// The first of the messages of `runs` that exist, ascending by UID: as many as their summaries fit into
    /// `summaryBytes`, at least one. `rest` is what was not looked at. The caller bounds the batch.
    package func rows(
        _ key: MailboxKey, _ runs: UIDRuns, _ columns: Columns
    ) async throws -> (rows: [Row], rest: UIDRuns) {
        let (found, total) = try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.readRows,
                [
                    .int8(key.account.value), .int8(key.mailbox.value), runs.lows, runs.highs,
                    .bool(columns.contains(.place)), .bool(columns.contains(.summary)),
                    .bool(columns.contains(.wholeBody)),
                ])
            return (try rows.map { try Self.row($0) }, try rows.first?.int8(7) ?? 0)
        }
        guard let last = found.last, Int64(found.count) < total else { return (found, UIDRuns()) }
        return (found, runs.after(last.uid))
    }

    /// Of one batch. A summary is at most about a megabyte, and usually one kilobyte.
    package static let summaryBytes = 4 * 1024 * 1024

    private static func row(_ row: PostgresRow) throws -> Row {
        let body = try row.optionalUUID(4).map { BodyID(UUIDv7(high: $0.high, low: $0.low)) }
        return Row(
            uid: UInt32(truncatingIfNeeded: try row.int8(0)), size: Int(try row.int8(1)),
            internalDate: Timestamp(microseconds: try row.timestamp(2)), prefix: try row.optionalBytes(3) ?? [],
            body: body, summary: try row.optionalBytes(5) ?? [], wholeBody: try row.optionalBytes(6))
    }

    /// The bytes of each slice, in the order of `slices`; nil where the chunk is gone. The caller bounds their sum.
    package func read(_ slices: [Slice]) async throws -> [[UInt8]?] {
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
        SELECT uid, size, internal_date, prefix, body_id, summary, body, total
        FROM (
            SELECT m.uid, m.size, m.internal_date, CASE WHEN $5 OR $7 THEN m.prefix END AS prefix,
                CASE WHEN $5 OR $7 THEN m.body_id END AS body_id, mail.summary,
                CASE WHEN $7 AND m.size - length(m.prefix) <= 262144
                    THEN (SELECT c.bytes FROM body_chunk c WHERE c.body_id = m.body_id AND c.seq = 0) END AS body,
                count(*) OVER () AS total, row_number() OVER sofar AS place,
                sum(octet_length(mail.summary)) OVER sofar AS bytes
            FROM unnest($3::bigint[], $4::bigint[]) AS run (low, high) CROSS JOIN LATERAL (
                SELECT * FROM mailbox_message WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN run.low AND run.high
                ORDER BY uid
            ) AS m
            LEFT JOIN LATERAL (
                SELECT summary FROM mail WHERE mail.mail_id = m.mail_id AND $6 OFFSET 0
            ) AS mail ON true
            WINDOW sofar AS (ORDER BY m.uid ROWS UNBOUNDED PRECEDING)
        ) AS message
        WHERE place = 1 OR bytes <= 4194304 OR bytes IS NULL
        ORDER BY uid
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
