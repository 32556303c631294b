import Logging
import PostgreSQL
import Testing

/// What is known after a COMMIT whose answer did not come.
@Suite("Outcome of COMMIT", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct PostgreSQLCommitTests {
    private static let insert = PreparedStatement("c_insert", "INSERT INTO t SELECT unnest($1::bigint[])")
    private static let count = PreparedStatement("c_count", "SELECT count(*) FROM t")
    private static let pid = PreparedStatement("c_pid", "SELECT pg_backend_pid()")

    private static let slowCommit = """
        CREATE TABLE t (n bigint);
        CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(8); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION at_commit();
        """

    private func failure(_ work: () async throws -> Void) async -> PostgresError? {
        do {
            try await work()
            return nil
        } catch {
            return error as? PostgresError
        }
    }

    /// A transaction as acceptance has it.
    private func lookedUp<T: Sendable>(
        _ connection: isolated PostgresConnection, _ body: @Sendable (isolated PostgresConnection) throws -> T
    ) throws -> T {
        try connection.transaction(outcomeIsLookedUp: true, body)
    }

    /// Until the server process is in its COMMIT, which the trigger makes long.
    private func waitUntilCommitting(_ pid: Int32) async throws {
        let look = PreparedStatement(
            "c_look", "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'")
        let pool = PostgresPool(
            configuration: PostgresConfiguration(url: TestDatabase.serverURL, connections: 1, applicationName: "look"),
            logger: TestDatabase.logger)
        for _ in 0..<100 {
            if try await pool.withConnection({ try $0.execute(look, [.int4(pid)])[0].int8(0) }) == 1 { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        await pool.closeIdle()
    }

    @Test("a backend killed during COMMIT leaves the outcome unknown, with the process to ask for")
    func killed() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection { try $0.script(Self.slowCommit) }
            let connection = PostgresConnection(configuration: pool.configuration)
            let pid = try await lookedUp(connection) { try $0.execute(Self.pid)[0].int4(0) }
            let committing = Task {
                try await lookedUp(connection) {
                    _ = try $0.commit(after: [(Self.insert, [.int8Array([1])])])
                }
            }
            try await waitUntilCommitting(pid)
            try await TestDatabase.script("SELECT pg_terminate_backend(\(pid), 2000)")
            let error = await failure { try await committing.value }
            #expect(error?.code == .commitUnknown)
            #expect(error?.backendProcess == pid)
            #expect(try await pool.number(Self.count) == 0)
        }
    }

    @Test("silence during COMMIT leaves the outcome unknown after the set time", arguments: [true, false])
    func silence(inOneTrip: Bool) async throws {
        try await TestDatabase.with { configuration in
            var configuration = configuration
            configuration.commitSilence = .milliseconds(300)
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            try await pool.withConnection { try $0.script(Self.slowCommit) }
            let connection = PostgresConnection(configuration: configuration)
            let started = ContinuousClock.now
            let error = await failure {
                try await lookedUp(connection) { connection in
                    let call: PostgresConnection.Call = (Self.insert, [.int8Array([1])])
                    if inOneTrip {
                        _ = try connection.commit(after: [call])
                    } else {
                        _ = try connection.pipeline([call])
                    }
                }
            }
            #expect(error?.code == .commitUnknown)
            #expect(ContinuousClock.now - started < .seconds(5))
        }
    }

    @Test(
        "a lost answer is unknown although the server has committed",
        arguments: [
            SwallowingProxy.Fault.cut(after: 0), .silence(after: 0), .panic,
        ])
    func lostAnswer(fault: SwallowingProxy.Fault) async throws {
        try await TestDatabase.withProxy(commitSilence: .milliseconds(500)) { proxy, behind, direct in
            try await direct.withConnection { try $0.script("CREATE TABLE t (n bigint)") }
            let connection = PostgresConnection(configuration: behind)
            // All is prepared beforehand, so that the failing trip is the commit itself.
            try await lookedUp(connection) {
                _ = try $0.commit(after: [(Self.insert, [.int8Array([1])])])
            }
            proxy.failOpenConnections(fault)
            let error = await failure {
                try await lookedUp(connection) {
                    _ = try $0.commit(after: [(Self.insert, [.int8Array([2])])])
                }
            }
            #expect(error?.code == .commitUnknown)
            #expect(try await direct.number(Self.count) == 2)
        }
    }

    @Test("an error before COMMIT says that nothing was committed")
    func failedBefore() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection { try $0.script("CREATE TABLE t (n bigint CHECK (n > 0))") }
            let connection = PostgresConnection(configuration: pool.configuration)
            let error = await failure {
                try await lookedUp(connection) { connection in
                    _ = try connection.commit(after: [
                        (Self.insert, [.int8Array([1])]), (Self.insert, [.int8Array([-1])]),
                    ])
                }
            }
            #expect(error?.code == .server(sqlstate: "23514"))
            #expect(try await pool.number(Self.count) == 0)
        }
    }

    /// In a transaction of one round trip nothing tells one from the other: both are told.
    @Test("a WARNING during COMMIT is told, one in a round trip before it is not")
    func warning() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection { connection in
                try connection.script(
                    """
                    CREATE TABLE t (n bigint);
                    CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN RAISE WARNING 'standby lost'; RETURN NULL; END $$;
                    CREATE TRIGGER early AFTER INSERT ON t FOR EACH ROW WHEN (NEW.n = 1) EXECUTE FUNCTION warn();
                    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                        FOR EACH ROW WHEN (NEW.n = 2) EXECUTE FUNCTION warn();
                    """)
            }
            let early = await failure {
                try await pool.transaction { connection in
                    _ = try connection.pipeline([(Self.insert, [.int8Array([1])])])
                    _ = try connection.commit(after: [(Self.insert, [.int8Array([3])])])
                }
            }
            #expect(early == nil)
            let late = await failure {
                try await pool.transaction { _ = try $0.commit(after: [(Self.insert, [.int8Array([2])])]) }
            }
            #expect(late?.code == .commitWarning)
            #expect(try await pool.number(Self.count) == 3)
        }
    }

    @Test("an error during COMMIT itself is known: nothing was committed")
    func failedCommit() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection {
                try $0.script("CREATE TABLE t (n bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            }
            let error = await failure {
                try await pool.transaction { _ = try $0.commit(after: [(Self.insert, [.int8Array([1, 1])])]) }
            }
            #expect(error?.code == .server(sqlstate: "23505"))
            #expect(try await pool.number(Self.count) == 0)
        }
    }
}
