package import PostgreSQL

/// Brings the schema up to date: every embedded migration once, in order, each in its own transaction.
///
/// A migration waits for its locks a moment at a time and lets go again: whoever comes behind a waiting `ALTER TABLE`
/// waits too, so a long backup would stop the mail.
///
/// A migration is never edited after a release: its hash is recorded, and a changed one is refused.
package enum Migrator {
    package struct Step: Sendable, Hashable {
        package let name: String
        package let isApplied: Bool
        /// Applied, but the text has changed since.
        package let isChanged: Bool
    }

    package enum MigrationError: Error, CustomStringConvertible {
        case changed(String)
        case failed(String, PostgresError)

        package var description: String {
            switch self {
            case .changed(let name): "migration \(name) was changed after it had been applied"
            case .failed(let name, let error): "migration \(name) failed: \(error.detail)"
            }
        }
    }

    /// Embedded from Migrations/*.sql; the order of this list is the order of application.
    private static let migrations: [(name: String, sql: [UInt8])] = [
        ("M0001_mail", PackageResources.M0001_mail_sql),
        ("M0002_mailboxes", PackageResources.M0002_mailboxes_sql),
        ("M0003_roles", PackageResources.M0003_roles_sql),
        ("M0004_history", PackageResources.M0004_history_sql),
        ("M0010_relay", PackageResources.M0010_relay_sql),
        ("M0011_domain_keys", PackageResources.M0011_domain_keys_sql),
        ("M0012_maildrop", PackageResources.M0012_maildrop_sql),
        ("M0013_learning", PackageResources.M0013_learning_sql),
        ("M0014_watch", PackageResources.M0014_watch_sql),
        ("M0015_category", PackageResources.M0015_category_sql),
        ("M0016_relay_shares", PackageResources.M0016_relay_shares_sql),
        ("M0017_small_bodies", PackageResources.M0017_small_bodies_sql),
        ("M0018_lessons_settled", PackageResources.M0018_lessons_settled_sql),
        ("M0019_work_by_key", PackageResources.M0019_work_by_key_sql),
        ("M0020_small_bodies_compressed", PackageResources.M0020_small_bodies_compressed_sql),
    ]

    /// So often a migration asks for its locks before it gives up.
    private static let lockAttempts = 100

    /// Applies what is missing and returns its names. Several callers may run at once; one works, the others wait.
    /// - Parameter lockTimeout: for each lock; twice as long the others have their turn.
    package static func run(
        on connection: isolated PostgresConnection, lockTimeout: Duration = .seconds(2)
    ) throws -> [String] {
        try connection.setStatementTimeout(.seconds(3600))
        _ = try connection.execute(lock)
        // A connection that cannot unlock is lost, and its lock with it.
        defer { _ = try? connection.execute(unlock) }
        try connection.script(
            """
            CREATE TABLE IF NOT EXISTS schema_migration (
                name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
            """)
        var applied: [String] = []
        for (migration, step) in zip(migrations, try status(on: connection)) {
            if step.isChanged { throw MigrationError.changed(step.name) }
            if step.isApplied { continue }
            do {
                try applyBetweenOthers(migration, on: connection, lockTimeout)
            } catch let error as PostgresError {
                throw MigrationError.failed(migration.name, error)
            }
            applied.append(migration.name)
        }
        return applied
    }

    /// Only looks.
    package static func status(on connection: isolated PostgresConnection) throws -> [Step] {
        guard try connection.execute(isPrepared).first?.bool(0) ?? false else {
            return migrations.map { Step(name: $0.name, isApplied: false, isChanged: false) }
        }
        let rows = try connection.execute(
            compare,
            [.textArray(migrations.map(\.name)), .byteaArray(migrations.map(\.sql))])
        return try rows.map { row in
            Step(name: try row.text(0), isApplied: try row.bool(1), isChanged: try row.bool(2))
        }
    }

    private static func applyBetweenOthers(
        _ migration: (name: String, sql: [UInt8]), on connection: isolated PostgresConnection, _ lockTimeout: Duration
    ) throws {
        for _ in 1..<lockAttempts {
            do {
                return try apply(migration, on: connection, lockTimeout)
            } catch let error as PostgresError where error.sqlState == "55P03" {
                _ = try connection.execute(pause, [.float8(2 * lockTimeout.inSeconds)])
            }
        }
        try apply(migration, on: connection, lockTimeout)
    }

    private static func apply(
        _ migration: (name: String, sql: [UInt8]), on connection: isolated PostgresConnection, _ lockTimeout: Duration
    ) throws {
        try connection.script("BEGIN")
        do {
            try connection.script("SET LOCAL lock_timeout = \(Int(lockTimeout.inSeconds * 1000))")
            try connection.script(String(decoding: migration.sql, as: UTF8.self))
            _ = try connection.execute(record, [.text(migration.name), .bytea(migration.sql)])
            try connection.script("COMMIT")
        } catch {
            // The first error is the one to tell; a connection that cannot roll back is lost.
            try? connection.script("ROLLBACK")
            throw error
        }
    }

    private static let lock = PreparedStatement("migration_lock", "SELECT pg_advisory_lock(7239401)")
    private static let unlock = PreparedStatement("migration_unlock", "SELECT pg_advisory_unlock(7239401)")
    private static let pause = PreparedStatement("migration_pause", "SELECT pg_sleep($1) IS NULL")
    private static let isPrepared = PreparedStatement(
        "migration_is_prepared", "SELECT to_regclass('schema_migration') IS NOT NULL")
    private static let record = PreparedStatement(
        "migration_record",
        "INSERT INTO schema_migration (name, sha256) VALUES ($1, encode(sha256($2), 'hex'))")
    private static let compare = PreparedStatement(
        "migration_compare",
        """
        SELECT m.name, s.name IS NOT NULL, s.name IS NOT NULL AND s.sha256 <> encode(sha256(m.sql), 'hex')
        FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS m(name, sql, position)
        LEFT JOIN schema_migration s USING (name) ORDER BY m.position
        """)
}
