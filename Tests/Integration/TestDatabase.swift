import Logging
import PostgreSQL
import Storage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A database of its own for one test, on the server that `MARTLET_TEST_POSTGRES_URL` names; dropped afterwards.
enum TestDatabase {
    static let serverURL = getenv("MARTLET_TEST_POSTGRES_URL").map { String(cString: $0) } ?? ""
    static var isAvailable: Bool { !serverURL.isEmpty }
    static let reason = "MARTLET_TEST_POSTGRES_URL is not set; `make test` starts a server and sets it"

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// The schema is in place unless `migrated` is false.
    static func with<T>(migrated: Bool = true, _ body: (PostgresConfiguration) async throws -> T) async throws -> T {
        let name = "martlet_test_\(getpid())_\(UInt32.random(in: 0 ... .max))"
        try await script("CREATE DATABASE \(name)")
        let configuration = PostgresConfiguration(url: url(of: name), connections: 6, applicationName: "martlet-test")
        let result: Result<T, any Error>
        do {
            if migrated {
                let pool = PostgresPool(configuration: configuration, logger: logger)
                _ = try await pool.withConnection { try Migrator.run(on: $0) }
                await pool.closeIdle()
            }
            result = .success(try await body(configuration))
        } catch {
            result = .failure(error)
        }
        try await script("DROP DATABASE \(name) WITH (FORCE)")
        return try result.get()
    }

    /// The same with a pool.
    static func withPool<T>(_ body: (PostgresPool) async throws -> T) async throws -> T {
        try await with { try await body(PostgresPool(configuration: $0, logger: logger)) }
    }

    /// Runs statements on the server's own database, as its superuser.
    static func script(_ sql: String) async throws {
        let pool = PostgresPool(
            configuration: PostgresConfiguration(url: serverURL, connections: 1, applicationName: "martlet-test-admin"),
            logger: logger)
        try await pool.withConnection { connection in
            try connection.setStatementTimeout(.seconds(60))
            try connection.script(sql)
        }
        await pool.closeIdle()
    }

    /// The server's URL with another database.
    static func url(of database: String) -> String {
        guard serverURL.contains("://") else { return serverURL + " dbname=\(database)" }
        let parts = serverURL.split(separator: "?", maxSplits: 1)
        let query = parts.count > 1 ? "?\(parts[1])" : ""
        let path = parts[0].split(separator: "/", omittingEmptySubsequences: false)
        return path.prefix(3).joined(separator: "/") + "/\(database)\(query)"
    }
}

extension PostgresPool {
    /// The first column of the first row, for asserting what is in the tables.
    func number(_ statement: PreparedStatement) async throws -> Int64 {
        try await withConnection { connection in try connection.execute(statement).first?.int8(0) ?? -1 }
    }
}
