package import PostgreSQL

/// A model of the AI plane, as stored.
package struct StoredModel: Sendable {
    package let kind: String
    package let version: Int64
    package let parameters: [UInt8]
}

/// Versions of models. They only grow, a version never changes, every worker uses the newest.
package struct ModelStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// The newest version, if it is newer than `version`.
    package func newest(_ kind: String, after version: Int64 = 0) async throws -> StoredModel? {
        try await pool.withConnection { connection in
            try connection.execute(Self.select, [.text(kind), .int8(version)]).first.map { row in
                StoredModel(kind: kind, version: try row.int8(0), parameters: try row.bytes(1))
            }
        }
    }

    /// Makes version `base + 1`, if `base` is still the newest (0: there is none yet). Of several who try at once
    /// one wins.
    /// - Returns: whether it was us.
    package func publish(_ kind: String, after base: Int64, parameters: [UInt8], meta: String) async throws -> Bool {
        try await pool.transaction { connection in
            let values: [PostgresValue] = [.text(kind), .int8(base), .bytea(parameters), .jsonb(meta)]
            return try connection.commit(after: [(Self.insert, values)]).first?.count == 1
        }
    }

    private static let select = PreparedStatement(
        "model_newest",
        "SELECT version, parameters FROM model WHERE kind = $1 AND version > $2 ORDER BY version DESC LIMIT 1")

    static let insert = PreparedStatement(
        "model_insert",
        """
        INSERT INTO model (kind, version, parameters, meta)
        SELECT $1, $2 + 1, $3, $4
        WHERE $2 = coalesce((SELECT max(version) FROM model WHERE kind = $1), 0)
        ON CONFLICT (kind, version) DO NOTHING
        RETURNING version
        """)

    /// A worker only ever asks for the newest; a few before it stay for whoever wants to compare.
    static let prune = PreparedStatement("model_prune", "DELETE FROM model WHERE kind = $1 AND version <= $2")
}
