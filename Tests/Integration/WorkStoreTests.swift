import MailCore
import PostgreSQL
import Storage
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// With filerd's own role, whose duty sweeping is.
@Suite(.enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct WorkStoreTests {
    @Test func `due rows are claimed once, oldest first, each mail once, and put off by doubling`() async throws {
        try await FilingFixture.with { fixture in
            let accounts = [try await fixture.account("a"), try await fixture.account("b")]
            var mails: [MailID] = []
            for _ in 0..<5 { mails.append(try await fixture.mail(to: accounts)) }
            let work = WorkStore(pool: fixture.filerd)
            #expect(try await work.claimDue(.file, limit: 100) == [])
            try await fixture.sql(
                """
                UPDATE work SET next_hint_at = now() - interval '1 s', hint_interval = '10 s';
                UPDATE work SET created_at = now() - interval '1 min', next_hint_at = now() - interval '1 min'
                WHERE mail_id = '\(mails[3])';
                """)
            let first = try #require(try await work.claimDue(.file, limit: 4))
            #expect(first.count == 2 && first[0].mail == mails[3])
            let second = try #require(try await work.claimDue(.file, limit: 100))
            #expect(Set((first + second).map(\.mail)) == Set(mails) && second.count == 3)
            #expect(try await work.claimDue(.file, limit: 100) == [])
            let doubled = PreparedStatement(
                "t_doubled",
                """
                SELECT count(*) FROM work WHERE hint_interval = '20 s'
                    AND next_hint_at BETWEEN now() + interval '15 s' AND now() + interval '20 s'
                """)
            #expect(try await fixture.owner.number(doubled) == 10)
            #expect(try await work.claimDue(.classify, limit: 100) == [])
        }
    }

    @Test func `the interval ends at five minutes, and parked rows are not told`() async throws {
        try await FilingFixture.with { fixture in
            let account = try await fixture.account("a")
            let parked = try await fixture.mail(to: [account]), other = try await fixture.mail(to: [account])
            try await fixture.sql(
                """
                UPDATE work SET next_hint_at = now(), hint_interval = '4 min';
                UPDATE work SET parked_at = now() WHERE mail_id = '\(parked)';
                """)
            let work = WorkStore(pool: fixture.filerd)
            #expect(try await work.claimDue(.file, limit: 10)?.map(\.mail) == [other])
            let longest = PreparedStatement("t_longest", "SELECT count(*) FROM work WHERE hint_interval = '5 min'")
            #expect(try await fixture.owner.number(longest) == 1)
        }
    }

    @Test func `a row that somebody works on is left alone, and one sweeper works at a time`() async throws {
        try await FilingFixture.with { fixture in
            let account = try await fixture.account("a")
            let busy = try await fixture.mail(to: [account]), free = try await fixture.mail(to: [account])
            try await fixture.sql("UPDATE work SET next_hint_at = now()")
            let work = WorkStore(pool: fixture.filerd)
            let lock = PreparedStatement("t_lock", "SELECT 1 FROM work WHERE mail_id = $1 FOR UPDATE")
            let claimed = try await holding(fixture.owner, lock, [.uuid(high: busy.uuid.high, low: busy.uuid.low)]) {
                try await work.claimDue(.file, limit: 10)
            }
            #expect(claimed?.map(\.mail) == [free])
            let sweeping = PreparedStatement(
                "t_sweeping", "SELECT pg_advisory_xact_lock(x'6D6172746C657401'::bigint)::text")
            #expect(try await holding(fixture.owner, sweeping, []) { try await work.claimDue(.file, limit: 10) } == nil)
            #expect(try await work.claimDue(.file, limit: 10)?.map(\.mail) == [busy])
        }
    }

    /// Runs `body` while a transaction holds what `statement` locks.
    private func holding<T: Sendable>(
        _ pool: PostgresPool, _ statement: PreparedStatement, _ values: [PostgresValue],
        _ body: @Sendable () async throws -> T
    ) async throws -> T {
        let gate = Gate()
        async let holder: Void = pool.transaction { connection in
            _ = try connection.execute(statement, values)
            gate.holdsUntilReleased()
        }
        try await TestBroker.eventually("the lock is held") { gate.isHeld }
        let result: Result<T, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        gate.release()
        try await holder
        return try result.get()
    }

    @Test func `a mail without a verdict in time goes on to filing and stays owed`() async throws {
        try await FilingFixture.with { fixture in
            let accounts = [try await fixture.account("a"), try await fixture.account("b")]
            let old = try await fixture.mail(to: accounts, verdict: nil, stage: .classify)
            let young = try await fixture.mail(to: accounts, verdict: nil, stage: .classify)
            try await fixture.sql(
                """
                DELETE FROM work;
                INSERT INTO work (mail_id, recipient, stage, next_hint_at, created_at) VALUES
                    ('\(old)', 0, 1, now(), now() - interval '31 s'),
                    ('\(young)', 0, 1, now(), now() - interval '29 s');
                INSERT INTO recipient (mail_id, recipient, address, account_id)
                VALUES ('\(old)', 9, 'x@foreign.test', NULL);
                """)
            let work = WorkStore(pool: fixture.filerd)
            #expect(try await work.failOpen(olderThan: .seconds(30), limit: 10)?.map(\.mail) == [old])
            #expect(try await work.failOpen(olderThan: .seconds(30), limit: 10) == [])
            let rows = PreparedStatement(
                "t_rows",
                """
                SELECT count(*) FROM work WHERE (stage, recipient) IN ((4, 0), (2, 1), (2, 2), (3, 9))
                    AND mail_id = (SELECT mail_id FROM mail_event WHERE event = 'unclassified')
                """)
            #expect(try await fixture.owner.number(rows) == 4)
            let all = PreparedStatement("t_all", "SELECT count(*) FROM work")
            #expect(try await fixture.owner.number(all) == 5)
            // It is filed like any other, without a verdict.
            #expect(try await fixture.store.file([old], decide: FilingFixture.decide).filed == 2)
        }
    }

    @Test func `a mail whose classification was given up goes on at once`() async throws {
        try await FilingFixture.with { fixture in
            let mail = try await fixture.mail(to: [try await fixture.account("a")], verdict: nil, stage: .classify)
            try await fixture.sql(
                """
                DELETE FROM work;
                INSERT INTO work (mail_id, recipient, stage, next_hint_at, parked_at)
                VALUES ('\(mail)', 0, 1, now(), now());
                """)
            let work = WorkStore(pool: fixture.filerd)
            #expect(try await work.failOpen(olderThan: nil, limit: 10)?.map(\.mail) == [mail])
            #expect(try await work.parked(limit: 10).map(\.stage) == ["late"])
            #expect(try await work.claimDue(.late, limit: 10) == [])
        }
    }

    @Test func `a verdict that is being committed wins over failing open`() async throws {
        try await FilingFixture.with { fixture in
            let mail = try await fixture.mail(to: [try await fixture.account("a")], verdict: nil, stage: .classify)
            try await fixture.sql(
                """
                DELETE FROM work;
                INSERT INTO work (mail_id, recipient, stage, next_hint_at, created_at)
                VALUES ('\(mail)', 0, 1, now(), now() - interval '1 h');
                """)
            let lock = PreparedStatement("t_lock", "SELECT 1 FROM work WHERE mail_id = $1 FOR UPDATE")
            let work = WorkStore(pool: fixture.filerd)
            let promoted = try await holding(fixture.owner, lock, [.uuid(high: mail.uuid.high, low: mail.uuid.low)]) {
                try await work.failOpen(olderThan: .seconds(30), limit: 10)
            }
            #expect(promoted == [])
        }
    }

    @Test func `the outlook shows what is due and who waits longest`() async throws {
        try await FilingFixture.with { fixture in
            let account = try await fixture.account("a")
            let work = WorkStore(pool: fixture.filerd)
            #expect(try await work.outlook(watching: 5) == WorkStore.Outlook())
            let mails = [
                try await fixture.mail(to: [account], verdict: nil, stage: .classify),
                try await fixture.mail(to: [account], verdict: nil, stage: .classify),
            ]
            try await fixture.mail(to: [account], stage: .file)
            try await fixture.sql(
                """
                UPDATE work SET next_hint_at = now() + interval '7 s' WHERE stage = 2;
                UPDATE work SET next_hint_at = now() - interval '9 s', created_at = now() - interval '20 s'
                WHERE stage = 1;
                UPDATE work SET created_at = now() - interval '40 s' WHERE mail_id = '\(mails[1])';
                """)
            let outlook = try await work.outlook(watching: 1)
            #expect(outlook.oldestUnclassified == [mails[1]])
            #expect(try #require(outlook.oldestAge) >= .seconds(40))
            #expect(Set(outlook.untilDue.keys) == [.classify, .file])
            #expect(outlook.untilDue[.classify].map { $0 < .seconds(-8) } == true)
            #expect(outlook.untilDue[.file].map { $0 > .seconds(4) && $0 <= .seconds(7) } == true)
        }
    }

    @Test func `tries are counted, taken back, and end in parking`() async throws {
        try await FilingFixture.with { fixture in
            let mail = try await fixture.mail(
                to: [try await fixture.account("a"), try await fixture.account("b")])
            let work = WorkStore(pool: fixture.filerd)
            let stages: [Stage] = [.file, .relabel]
            #expect(try await work.beginAttempt(mail, stages) == .begun(1))
            try await work.forgiveAttempt([mail], stages)
            for number in 1...5 { #expect(try await work.beginAttempt(mail, stages) == .begun(number)) }
            try await work.recordFailure(mail, stages, reason: "no\0good")
            #expect(try await work.beginAttempt(mail, stages) == .exhausted)
            #expect(try await work.park(mail, stages, reason: "given up"))
            #expect(try await !work.park(mail, stages, reason: "given up"))
            #expect(try await work.beginAttempt(mail, stages) == .noWork)
            let parked = try await work.parked(limit: 10)
            #expect(parked.count == 2 && parked.allSatisfy { $0.mail == mail && $0.lastError == "given up" })
            #expect(try await work.counts().map(\.parked) == [2])
            // Filing leaves parked work alone until the operator asks for it.
            #expect(try await fixture.store.file([mail], decide: FilingFixture.decide).filed == 0)
            #expect(try await work.reissue([mail]) == 2)
            #expect(try await work.claimDue(.file, limit: 10)?.map(\.mail) == [mail])
            #expect(try await fixture.store.file([mail], decide: FilingFixture.decide).filed == 2)
        }
    }

    @Test func `a failed mail is told again soon, so that it is parked within a minute`() async throws {
        try await FilingFixture.with { fixture in
            let mail = try await fixture.mail(to: [try await fixture.account("a")], stage: .file)
            let work = WorkStore(pool: fixture.filerd)
            let soon = PreparedStatement(
                "t_soon", "SELECT ceil(extract(epoch FROM next_hint_at - now()))::bigint FROM work")
            var waits: [Int64] = []
            for _ in 1..<WorkStore.maximumAttempts {
                try await fixture.sql("UPDATE work SET next_hint_at = now() + interval '5 min'")
                _ = try await work.beginAttempt(mail, [.file])
                try await work.recordFailure(mail, [.file], reason: "poison")
                waits.append(try await fixture.owner.number(soon))
            }
            #expect(waits == [2, 4, 8, 16])
        }
    }

    @Test func `first tries are counted together, and only first ones`() async throws {
        try await FilingFixture.with { fixture in
            let accounts = [try await fixture.account("a"), try await fixture.account("b")]
            let fresh = try await fixture.mail(to: accounts), tried = try await fixture.mail(to: accounts)
            let work = WorkStore(pool: fixture.filerd)
            #expect(try await work.beginAttempt(tried, [.file]) == .begun(1))
            let mails = [fresh, tried, MailID.next()]
            #expect(try await work.beginFirstAttempts(mails, [.file, .relabel]) == [fresh])
            #expect(try await work.beginFirstAttempts(mails, [.file, .relabel]) == [])
            try await work.forgiveAttempt(mails, [.file, .relabel])
            #expect(try await work.beginFirstAttempts(mails, [.file, .relabel]) == [fresh, tried])
        }
    }

    /// Plans are made while the table is empty, as on every quiet night: any index seems to cost nothing then.
    @Test func `a batch reads its own rows, however many others wait`() async throws {
        try await FilingFixture.with { fixture in
            try await fixture.sql("VACUUM ANALYZE work")
            let account = try await fixture.account("a")
            var configuration = fixture.owner.configuration
            configuration.applicationName = "martlet-test-plans"
            configuration.connections = 1
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            try await path(of: account, fixture, pool)
            try await fixture.sql(
                """
                INSERT INTO work (mail_id, recipient, stage, next_hint_at)
                SELECT gen_random_uuid(), 0, 1 + n % 3, now() + interval '1 h' FROM generate_series(1, 3000) AS n
                """)
            try await path(of: account, fixture, pool)
            // A server process counts what it read when it ends, at the latest.
            await pool.closeIdle()
            for _ in 0..<1000 where try await fixture.owner.number(Self.processes) > 0 {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try await fixture.owner.number(Self.rowsRead) < 200)
        }
    }

    /// Two mails through the stages, with a failure.
    private func path(of account: AccountID, _ fixture: FilingFixture, _ pool: PostgresPool) async throws {
        let work = WorkStore(pool: pool)
        let mail = try await fixture.mail(to: [account], verdict: nil, stage: .classify)
        let judged = try await fixture.mail(to: [account])
        try await fixture.sql("UPDATE work SET recipient = 0 WHERE mail_id = '\(mail)'")
        #expect(try await work.beginFirstAttempts([mail, judged], [.classify, .file]).count == 2)
        #expect(try await ClassifyStore(pool: pool).waiting([mail], bytesPerMail: 1024).mails.count == 1)
        let verdict = Verdict(label: .ham, probability: 0.1, reasons: [], modelVersion: 1)
        #expect(try await ClassifyStore(pool: pool).finish([(mail, verdict)]).count == 1)
        #expect(try await FilingStore(pool: pool).file([judged], decide: FilingFixture.decide).filed == 1)
        #expect(try await work.beginAttempt(mail, [.file]) == .begun(1))
        try await work.recordFailure(mail, [.file], reason: "x")
        try await work.forgiveAttempt([mail], [.file])
        #expect(try await work.park(mail, [.file], reason: "x"))
    }

    private static let processes = PreparedStatement(
        "t_processes", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'martlet-test-plans'")
    private static let rowsRead = PreparedStatement(
        "t_rows_read",
        """
        SELECT sum(idx_tup_read)::bigint + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'work')
        FROM pg_stat_user_indexes WHERE relname = 'work'
        """)

    @Test func `classifyd may count its tries too`() async throws {
        try await FilingFixture.with { fixture in
            let mail = try await fixture.mail(to: [try await fixture.account("a")], verdict: nil, stage: .classify)
            var configuration = fixture.owner.configuration
            configuration.url = FilingFixture.withRole("martlet_classifyd", configuration.url)
            let work = WorkStore(pool: PostgresPool(configuration: configuration, logger: TestDatabase.logger))
            #expect(try await work.beginAttempt(mail, [.classify, .late]) == .begun(1))
            try await work.recordFailure(mail, [.classify, .late], reason: "x")
            try await work.forgiveAttempt([mail], [.classify, .late])
            #expect(try await work.park(mail, [.classify, .late], reason: "x"))
        }
    }
}

/// Keeps a connection's own thread inside a transaction.
private final class Gate: Sendable {
    private let state = Mutex((isHeld: false, isReleased: false))
    var isHeld: Bool { state.withLock { $0.isHeld } }
    func release() { state.withLock { $0.isReleased = true } }
    func holdsUntilReleased() {
        state.withLock { $0.isHeld = true }
        while state.withLock({ !$0.isReleased }) { usleep(2_000) }
    }
}
