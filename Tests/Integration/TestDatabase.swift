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
        try await script("CREATE DATABASE \(name)" + (migrated ? " TEMPLATE \(await template.value)" : ""))
        let configuration = PostgresConfiguration(url: url(of: name), connections: 6, applicationName: "martlet-test")
        let result: Result<T, any Error>
        do {
            result = .success(try await body(configuration))
        } catch {
            result = .failure(error)
        }
        try await script("DROP DATABASE \(name) WITH (FORCE)")
        return try result.get()
    }

    /// The schema in a database to copy, made once in a process. Nothing tells when a process ends: the next one clears up.
    private static let template = Task {
        let prefix = "martlet_test_template_"
        let left = try await onServer { try $0.execute(templates).map { try $0.text(0) } }
        for name in left where kill(pid_t(name.dropFirst(prefix.count)) ?? 0, 0) != 0 || name == "\(prefix)\(getpid())"
        {
            try await script("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        }
        let name = "\(prefix)\(getpid())"
        try await script("CREATE DATABASE \(name)")
        let pool = PostgresPool(
            configuration: PostgresConfiguration(url: url(of: name), connections: 1, applicationName: "martlet-test"),
            logger: logger)
        _ = try await pool.withConnection { try Migrator.run(on: $0) }
        await pool.closeIdle()
        return name
    }

    private static let templates = PreparedStatement(
        "test_templates", "SELECT datname::text FROM pg_database WHERE datname LIKE 'martlet\\_test\\_template\\_%'")

    /// The same with a pool.
    static func withPool<T>(_ body: (PostgresPool) async throws -> T) async throws -> T {
        try await with { try await body(PostgresPool(configuration: $0, logger: logger)) }
    }

    private struct NoPort: Error {}

    /// A database, its configuration by way of a proxy that can lose answers, and a pool that goes straight to it.
    static func withProxy<T>(
        commitSilence: Duration, _ body: (SwallowingProxy, PostgresConfiguration, PostgresPool) async throws -> T
    ) async throws -> T {
        try await with { configuration in
            // postgresql://user@host:port/database
            let parts = configuration.url.split(separator: "@", maxSplits: 1)
            guard parts.count == 2, let place = parts[1].split(separator: "/").first,
                let port = place.split(separator: ":").last.flatMap({ UInt16($0) })
            else { throw NoPort() }
            let proxy = try SwallowingProxy.start(to: port)
            defer { proxy.stop() }
            var behind = configuration
            behind.url = "\(parts[0])@127.0.0.1:\(proxy.port)\(parts[1].dropFirst(place.count))"
            behind.commitSilence = commitSilence
            return try await body(proxy, behind, PostgresPool(configuration: configuration, logger: logger))
        }
    }

    /// Meanwhile every COMMIT on the server waits for a synchronous standby that there is none of.
    static func withoutStandby(_ body: () async throws -> Void) async throws {
        let log = PreparedStatement("test_log", "SELECT pg_logical_emit_message(true, 'test', '')")
        var configuration = PostgresConfiguration(
            url: serverURL, connections: 1, applicationName: "martlet-test-standby")
        configuration.commitSilence = .milliseconds(200)
        try await setStandbys("'nobody'")
        let result: Result<Void, any Error>
        do {
            // Until the server has read it.
            var isWaiting = false
            for _ in 0..<100 where !isWaiting {
                do {
                    try await commit((log, []), on: PostgresConnection(configuration: configuration))
                } catch let error as PostgresError where error.code == .commitUnknown {
                    isWaiting = true
                }
            }
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        try await setStandbys("DEFAULT")
        try result.get()
    }

    private static func setStandbys(_ names: String) async throws {
        try await script("ALTER SYSTEM SET synchronous_standby_names = \(names)")
        try await script("SELECT pg_reload_conf()")
    }

    private static func commit(_ call: PostgresConnection.Call, on connection: isolated PostgresConnection) throws {
        try connection.transaction(outcomeIsLookedUp: true) { _ = try $0.commit(after: [call]) }
    }

    /// Runs statements on the server's own database, as its superuser.
    static func script(_ sql: String) async throws {
        try await onServer { try $0.script(sql) }
    }

    private static func onServer<T: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws -> T
    ) async throws -> T {
        let pool = PostgresPool(
            configuration: PostgresConfiguration(url: serverURL, connections: 1, applicationName: "martlet-test-admin"),
            logger: logger)
        let result = try await pool.withConnection { connection in
            try connection.setStatementTimeout(.seconds(60))
            return try body(connection)
        }
        await pool.closeIdle()
        return result
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
