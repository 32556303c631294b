package import MailCore
package import PostgreSQL

/// A model of the AI plane, as stored.
package struct StoredModel: Sendable, Identifiable {
    /// A version number alone may come twice: once more after a restore from a backup.
    package struct ID: Sendable, Hashable {
        package let version: Int64
        package let madeAt: Timestamp

        package init(version: Int64, madeAt: Timestamp) {
            self.version = version
            self.madeAt = madeAt
        }
    }

    package let kind: String
    package let id: ID
    package var version: Int64 { id.version }
    package let parameters: [UInt8]
}

/// Versions of models. They only grow, a version never changes, every worker uses the newest.
package struct ModelStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package enum Newest: Sendable {
        case none
        /// The one that was known.
        case known
        case other(StoredModel)
    }

    /// The newest version, if it is not the one that is known: after a restore from a backup it may be an older one.
    package func newest(_ kind: String, besides known: StoredModel.ID? = nil) async throws -> Newest {
        try await pool.withConnection { connection in
            let values: [PostgresValue] = [
                .text(kind), .int8(known?.version ?? 0), .timestamptz(microseconds: known?.madeAt.microseconds ?? 0),
            ]
            guard let row = try connection.execute(Self.select, values).first else { return .none }
            guard let parameters = try row.optionalBytes(2) else { return .known }
            let id = StoredModel.ID(version: try row.int8(0), madeAt: Timestamp(microseconds: try row.timestamp(1)))
            return .other(StoredModel(kind: kind, id: id, parameters: parameters))
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
        """
        SELECT version, made_at, CASE WHEN version <> $2 OR made_at <> $3 THEN parameters END
        FROM model WHERE kind = $1 ORDER BY version DESC LIMIT 1
        """)

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
