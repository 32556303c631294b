import MailCore
package import PostgreSQL

/// What `martlet status` shows of the database. Read with the owner's rights.
package struct OperatorStatus: Sendable {
    package struct Client: Sendable, Hashable, Codable {
        /// `application_name`: which program.
        package let program: String
        package let role: String
        package let connections: Int64
        package let isSuperuser: Bool
    }

    package struct Totals: Sendable, Hashable, Codable {
        package let domains: Int64
        package let accounts: Int64
        package let aliases: Int64
        package let epoch: Int64
        /// Mails accepted in the last hour.
        package let lastHour: Int64
        package let serverVersion: String
    }

    package let totals: Totals
    package let clients: [Client]

    package static func read(from pool: PostgresPool) async throws -> OperatorStatus {
        // A mail's id begins with its time, so the last hour is a range of the primary key.
        let hourAgo = UUIDv7(high: UInt64(clamping: Timestamp.now().microseconds / 1000 - 3_600_000) << 16, low: 0)
        return try await pool.withConnection { connection in
            let answers = try connection.pipeline([
                (totals, [.uuid(high: hourAgo.high, low: hourAgo.low)]), (clients, []),
            ])
            guard answers.count == 2, let row = answers[0].first else { throw PostgresError(.decoding, "no totals") }
            return OperatorStatus(
                totals: Totals(
                    domains: try row.int8(0), accounts: try row.int8(1), aliases: try row.int8(2),
                    epoch: try row.int8(3), lastHour: try row.int8(4), serverVersion: try row.text(5)),
                clients: try answers[1].map {
                    Client(
                        program: try $0.text(0), role: try $0.text(1), connections: try $0.int8(2),
                        isSuperuser: try $0.bool(3))
                })
        }
    }

    private static let totals = PreparedStatement(
        "status_totals",
        """
        SELECT (SELECT count(*) FROM domain), (SELECT count(*) FROM account WHERE deleted_at IS NULL),
            (SELECT count(DISTINCT address) FROM alias), (SELECT epoch FROM installation),
            (SELECT count(*) FROM mail WHERE mail_id >= $1), current_setting('server_version')
        """)

    private static let clients = PreparedStatement(
        "status_clients",
        """
        SELECT a.application_name, a.usename::text, count(*), r.rolsuper
        FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
        WHERE a.datname = current_database() AND a.application_name LIKE 'martlet%'
        GROUP BY 1, 2, 4 ORDER BY 1, 2
        """)
}
