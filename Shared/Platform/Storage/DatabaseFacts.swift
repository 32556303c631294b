package import MailCore
package import PostgreSQL

/// What a person who looks after the server should know of the database. Read with the owner's rights.
package struct DatabaseFacts: Sendable {
    package let version: String
    /// The database's clock when it answered.
    package let now: Timestamp
    /// Without it a crash of the machine loses or breaks committed mail.
    package let fsync: Bool
    package let fullPageWrites: Bool
    package let autovacuum: Bool
    package let connections: Int64
    package let maximumConnections: Int64
    package let databaseBytes: Int64
    /// Only where the role may know it.
    package let dataDirectory: String?
    package let isStandby: Bool
    package let isSuperuser: Bool
    /// This connection is encrypted, or does not leave the machine.
    package let isPrivate: Bool

    package static func read(from pool: PostgresPool) async throws -> DatabaseFacts {
        try await pool.withConnection { connection in
            guard let row = try connection.execute(select).first else { throw PostgresError(.decoding, "no facts") }
            return DatabaseFacts(
                version: try row.text(0), now: Timestamp(microseconds: try row.timestamp(1)), fsync: try row.bool(2),
                fullPageWrites: try row.bool(3), autovacuum: try row.bool(4), connections: try row.int8(5),
                maximumConnections: try row.int8(6), databaseBytes: try row.int8(7),
                dataDirectory: try row.optionalText(8), isStandby: try row.bool(9), isSuperuser: try row.bool(10),
                isPrivate: try row.bool(11))
        }
    }

    private static let select = PreparedStatement(
        "database_facts",
        """
        SELECT current_setting('server_version'), clock_timestamp(), current_setting('fsync')::boolean,
            current_setting('full_page_writes')::boolean, current_setting('autovacuum')::boolean,
            (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
            current_setting('max_connections')::bigint, pg_database_size(current_database()),
            (SELECT setting FROM pg_settings WHERE name = 'data_directory'), pg_is_in_recovery(),
            (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
            coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true)
                OR coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)
        """)
}
