package import MailCore
package import PostgreSQL

/// Writes the wire bytes of one large mail while they arrive, chunk by chunk, in short transactions.
///
/// Until the commit that refers to it (acceptance, APPEND) has set its size, the body belongs to nobody: its
/// `body_release` row, renewed with every chunk, lets the reaper take what a dropped connection left behind.
/// At most one chunk is held in memory.
package struct BodyUpload: Sendable {
    /// Chunk n of a body holds its bytes from n * chunkSize.
    package static let chunkSize = 262_144

    /// The reaper has taken the body.
    package struct Gone: Error {}

    package let id: BodyID
    /// Bytes taken so far.
    package private(set) var size = 0
    private let pool: PostgresPool
    private var buffer: [UInt8] = []
    private var nextChunk: Int32 = 0

    private init(pool: PostgresPool, id: BodyID) {
        self.pool = pool
        self.id = id
    }

    package static func begin(in pool: PostgresPool) async throws -> BodyUpload {
        let upload = BodyUpload(pool: pool, id: .next())
        let uuid = upload.uuid
        try await pool.withConnection { connection in
            // Without BEGIN, one pipeline is one transaction.
            _ = try connection.pipeline([(insertBody, [uuid]), (insertRelease, [uuid])])
        }
        return upload
    }

    /// Takes bytes in pieces of any size; suspends while a full chunk is written, which holds the sender back.
    package mutating func append(_ bytes: some Collection<UInt8> & Sendable) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Self.chunkSize - buffer.count)
            buffer.append(contentsOf: piece)
            size += piece.count
            rest = rest.dropFirst(piece.count)
            if buffer.count == Self.chunkSize { try await writeChunk() }
        }
    }

    /// Writes the rest. The body is complete, and still without an owner.
    package mutating func finish() async throws -> AcceptedBody {
        if !buffer.isEmpty { try await writeChunk() }
        return .stored(id, size: size)
    }

    /// Sets the size, in the transaction that takes the body over: exactly one row must be affected, otherwise it is
    /// gone and the transaction must not commit. The row lock keeps the reaper away until then.
    package static func ending(_ body: BodyID, size: Int) -> PostgresConnection.Call {
        (setSize, [.uuid(high: body.uuid.high, low: body.uuid.low), .int8(Int64(size))])
    }

    private var uuid: PostgresValue { .uuid(high: id.uuid.high, low: id.uuid.low) }

    private mutating func writeChunk() async throws {
        let (uuid, chunk, number) = (uuid, buffer, nextChunk)
        buffer.removeAll(keepingCapacity: false)
        nextChunk += 1
        try await pool.withConnection { connection in
            let results = try connection.pipeline([
                (Self.insertChunk, [uuid, .int4(number), .bytea(chunk)]), (Self.renewRelease, [uuid]),
            ])
            for rows in results where rows.affected != 1 { throw Gone() }
        }
    }

    // MARK: - Statements

    private static let insertBody = PreparedStatement("upload_body", "INSERT INTO body (body_id, size) VALUES ($1, -1)")
    private static let insertRelease = PreparedStatement(
        "upload_release", "INSERT INTO body_release (body_id, due_at) VALUES ($1, now() + interval '1 day')")
    private static let insertChunk = PreparedStatement(
        "upload_chunk",
        """
        INSERT INTO body_chunk (body_id, seq, bytes)
        SELECT body_id, $2, $3 FROM body WHERE body_id = $1 AND size = -1 FOR KEY SHARE
        """)
    private static let renewRelease = PreparedStatement(
        "upload_renew", "UPDATE body_release SET due_at = now() + interval '1 day' WHERE body_id = $1")
    private static let setSize = PreparedStatement(
        "upload_end", "UPDATE body SET size = $2 WHERE body_id = $1 AND size = -1")
}
