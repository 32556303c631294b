import Logging
import PostgreSQL
import Testing

@Suite("PostgreSQL driver", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct PostgreSQLDriverTests {
    private static let scalars = PreparedStatement(
        "t_scalars",
        "SELECT $1::bool, $2::smallint, $3::integer, $4::bigint, $5::float8, $6::text, $7::bytea, $8::jsonb, $9::uuid, $10::timestamptz, $11::text"
    )
    private static let arrays = PreparedStatement(
        "t_arrays",
        """
        SELECT $1::text[], $2::bigint[]::text, $3::integer[]::text, $4::uuid[]::text,
            (SELECT array_agg(b ORDER BY o)::text FROM unnest($5::smallint[]) WITH ORDINALITY AS u(b, o)),
            (SELECT string_agg(coalesce(n::text, 'NULL'), ',') FROM unnest($6::bigint[]) AS n),
            (SELECT sum(length(b)) FROM unnest($7::bytea[]) AS b),
            (SELECT string_agg(j->>'a', ',') FROM unnest($8::jsonb[]) AS j),
            (SELECT max(t) FROM unnest($9::timestamptz[]) AS t),
            (SELECT sum(f) FROM unnest($10::float8[]) AS f),
            (SELECT string_agg(coalesce(n, 'NULL'), ',') FROM unnest($11::text[]) AS n)
        """)
    private static let one = PreparedStatement("t_one", "SELECT 1")
    private static let divide = PreparedStatement("t_divide", "SELECT 1 / $1::integer")
    private static let create = PreparedStatement("t_create", "CREATE TABLE t (n bigint UNIQUE)")
    private static let insert = PreparedStatement("t_insert", "INSERT INTO t SELECT unnest($1::bigint[])")
    private static let count = PreparedStatement("t_count", "SELECT count(*) FROM t")
    private static let sleep = PreparedStatement("t_sleep", "SELECT pg_sleep(5)::text")
    private static let pid = PreparedStatement("t_pid", "SELECT pg_backend_pid()")
    private static let kill = PreparedStatement("t_kill", "SELECT pg_terminate_backend($1)")

    @Test("binary values come back as they went")
    func roundTrip() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection { connection in
                let row = try #require(
                    try connection.execute(
                        Self.scalars,
                        [
                            .bool(true), .int2(-7), .int4(.min), .int8(.max), .float8(-0.5), .text("Grüße, 世界"),
                            .bytea([0, 1, 255, 13, 10]), .jsonb(#"{"a": 1}"#), .uuid(high: 0xFEED, low: .max),
                            .timestamptz(microseconds: 1_700_000_000_123_456), .null(.text),
                        ]
                    ).first)
                #expect(try row.bool(0))
                #expect(try row.int2(1) == -7)
                #expect(try row.int4(2) == .min)
                #expect(try row.int8(3) == .max)
                #expect(try row.float8(4) == -0.5)
                #expect(try row.text(5) == "Grüße, 世界")
                #expect(try row.bytes(6) == [0, 1, 255, 13, 10])
                #expect(try row.text(7) == #"{"a": 1}"#)
                #expect(try row.uuid(8) == (0xFEED, .max))
                #expect(try row.timestamp(9) == 1_700_000_000_123_456)
                #expect(row.isNull(10))
                #expect(try row.optionalText(10) == nil)
                #expect(throws: PostgresError.self) { try row.text(10) }
                #expect(throws: PostgresError.self) { try row.int8(5) }
                #expect(throws: PostgresError.self) { try row.int8(99) }
            }
        }
    }

    @Test("arrays of every type reach the server, empty ones and NULLs included")
    func arrays() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection { connection in
                let row = try #require(
                    try connection.execute(
                        Self.arrays,
                        [
                            .textArray(["a", "", "ü"]), .int8Array([1, -2]), .int4Array([]),
                            .uuidArray([(1, 2), (3, 4)]), .int2Array([1, 0]),
                            .int8ArrayOfOptionals([nil, 5]),
                            .byteaArray([[1], [], [UInt8](repeating: 9, count: 70_000)]),
                            .jsonbArray([#"{"a":"x"}"#]), .timestampArrayForTest, .float8Array([0.25, 0.5]),
                            .textArrayOfOptionals([nil, "z"]),
                        ]
                    ).first)
                #expect(try row.textArray(0) == ["a", "", "ü"])
                #expect(try row.text(1) == "{1,-2}")
                #expect(try row.text(2) == "{}")
                #expect(
                    try row.text(3)
                        == "{00000000-0000-0001-0000-000000000002,00000000-0000-0003-0000-000000000004}")
                #expect(try row.text(4) == "{1,0}")
                #expect(try row.text(5) == "NULL,5")
                #expect(try row.int8(6) == 70_001)
                #expect(try row.text(7) == "x")
                #expect(try row.timestamp(8) == 1_700_000_000_000_000)
                #expect(try row.float8(9) == 0.75)
                #expect(try row.text(10) == "NULL,z")
            }
        }
    }

    @Test("a pipeline runs in order, stops at the first error and leaves the connection usable")
    func pipelineError() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection { connection in
                _ = try connection.execute(Self.create)
                let ok = try connection.pipeline([
                    (Self.insert, [.int8Array([1, 2])]), (Self.divide, [.int4(1)]), (Self.count, []),
                ])
                #expect(ok[0].affected == 2)
                #expect(try ok[2][0].int8(0) == 2)
                let error = #expect(throws: PostgresError.self) {
                    _ = try connection.pipeline([
                        (Self.insert, [.int8Array([3])]), (Self.divide, [.int4(0)]), (Self.insert, [.int8Array([4])]),
                    ])
                }
                #expect(error?.code == .server(sqlstate: "22012"))
                // The failed pipeline was one transaction; the next call is not disturbed by what is left of it.
                #expect(try connection.execute(Self.count)[0].int8(0) == 2)
            }
        }
    }

    @Test("an error thrown in a transaction rolls it back; one in a statement too")
    func rollback() async throws {
        struct Stop: Error {}
        try await TestDatabase.withPool { pool in
            _ = try await pool.withConnection { try $0.execute(Self.create).count }
            await #expect(throws: Stop.self) {
                try await pool.transaction { connection in
                    _ = try connection.execute(Self.insert, [.int8Array([1])])
                    throw Stop()
                }
            }
            await #expect(throws: PostgresError.self) {
                try await pool.transaction { connection in
                    _ = try connection.execute(Self.insert, [.int8Array([1])])
                    _ = try connection.execute(Self.divide, [.int4(0)])
                }
            }
            // Swallowing the error does not commit half of it.
            await #expect(throws: PostgresError.self) {
                try await pool.transaction { connection in
                    _ = try connection.execute(Self.insert, [.int8Array([1])])
                    _ = try? connection.execute(Self.divide, [.int4(0)])
                }
            }
            #expect(try await pool.number(Self.count) == 0)
            try await pool.transaction { _ = try $0.commit(after: [(Self.insert, [.int8Array([1, 2, 3])])]) }
            #expect(try await pool.number(Self.count) == 3)
        }
    }

    @Test("a killed backend is replaced at the next use, without an error")
    func heals() async throws {
        try await TestDatabase.withPool { pool in
            let pid = try await pool.withConnection { try $0.execute(Self.pid)[0].int4(0) }
            try await TestDatabase.script("SELECT pg_terminate_backend(\(pid), 2000)")
            #expect(try await pool.withConnection { try $0.execute(Self.pid)[0].int4(0) } != pid)
        }
    }

    @Test("a backend killed in the middle of a statement is an error, and the next use heals")
    func killedWhileBusy() async throws {
        try await TestDatabase.withPool { pool in
            let pid = try await pool.withConnection { try $0.execute(Self.pid)[0].int4(0) }
            let sleeping = Task { try await pool.withConnection { _ = try $0.execute(Self.sleep) } }
            try await Task.sleep(for: .milliseconds(200))
            try await TestDatabase.script("SELECT pg_terminate_backend(\(pid))")
            let error = await #expect(throws: PostgresError.self) { try await sleeping.value }
            #expect(error?.code == .connectionLost)
            #expect(error?.isTemporary == true)
            #expect(try await pool.number(Self.one) == 1)
        }
    }

    @Test("a statement has a deadline")
    func statementTimeout() async throws {
        try await TestDatabase.with { configuration in
            var configuration = configuration
            configuration.statementTimeout = .milliseconds(200)
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let started = ContinuousClock.now
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withConnection { _ = try $0.execute(Self.sleep) }
            }
            #expect(error?.code == .server(sqlstate: "57014"))
            #expect(ContinuousClock.now - started < .seconds(2))
            let one = try await pool.number(Self.one)
            #expect(one == 1)
        }
    }

    @Test("a server that is not there fails within the limit, and says so")
    func connectFailed() async throws {
        // TEST-NET-1 (RFC 5737) never answers; port 1 refuses.
        for url in ["postgresql://u@127.0.0.1:1/d", "postgresql://u@192.0.2.1:5432/d"] {
            var configuration = PostgresConfiguration(url: url, applicationName: "test")
            configuration.connectTimeout = .milliseconds(500)
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let started = ContinuousClock.now
            let error = await #expect(throws: PostgresError.self) { try await pool.number(Self.one) }
            #expect(error?.code == .connectFailed)
            #expect(ContinuousClock.now - started < .seconds(2))
        }
    }

    @Test("never more connections than allowed; who waits too long is told")
    func exhaustion() async throws {
        try await TestDatabase.with { configuration in
            var configuration = configuration
            configuration.connections = 2
            configuration.acquireTimeout = .milliseconds(300)
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let pause = PreparedStatement("t_pause", "SELECT pg_sleep(1)::text, 1")
            await withTaskGroup(of: PostgresError.Code?.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        do {
                            return try await pool.withConnection { connection -> PostgresError.Code? in
                                _ = try connection.execute(pause)
                                return nil
                            }
                        } catch {
                            return (error as? PostgresError)?.code
                        }
                    }
                }
                var codes: [PostgresError.Code?] = []
                for await code in group { codes.append(code) }
                #expect(codes.filter { $0 == .poolExhausted }.count == 1)
                #expect(codes.filter { $0 == nil }.count == 2)
            }
            // Those who waited in vain took no connection with them.
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<200 { group.addTask { try await pool.number(Self.one) } }
                return try await group.reduce(0, +)
            }
            #expect(sum == 200)
        }
    }

    @Test("sets what durability and dead hosts need, whatever the URL says")
    func sessionSettings() async throws {
        try await TestDatabase.with { configuration in
            var configuration = configuration
            let mark = configuration.url.contains("?") ? "&" : "?"
            configuration.url += "\(mark)options=-c%20synchronous_commit%3Doff%20-c%20work_mem%3D5MB"
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let show = PreparedStatement(
                "t_show",
                """
                SELECT string_agg(current_setting(n), ' ' ORDER BY o) FROM unnest(ARRAY['synchronous_commit', 'TimeZone',
                    'idle_in_transaction_session_timeout', 'statement_timeout', 'tcp_keepalives_idle',
                    'tcp_user_timeout', 'work_mem', 'application_name', 'client_encoding']) WITH ORDINALITY AS s(n, o)
                """)
            let text = try await pool.withConnection { try $0.execute(show)[0].text(0) }
            #expect(text == "on UTC 15s 10s 5 20000 5MB martlet-test UTF8")
        }
    }

    @Test("an error never quotes the values of the statement")
    func errorsAreRedacted() async throws {
        try await TestDatabase.withPool { pool in
            let unique = PreparedStatement("t_secret", "INSERT INTO domain (name) VALUES ($1)")
            _ = try await pool.withConnection { try $0.execute(unique, [.text("hush.example")]).count }
            let error = await #expect(throws: PostgresError.self) {
                _ = try await pool.withConnection { try $0.execute(unique, [.text("hush.example")]).count }
            }
            #expect(error?.sqlState == "23505")
            #expect(error?.description.contains("hush") == false)
        }
    }
}

extension PostgresValue {
    fileprivate static var timestampArrayForTest: PostgresValue {
        .timestamptzArray([1_600_000_000_000_000, 1_700_000_000_000_000])
    }
}
