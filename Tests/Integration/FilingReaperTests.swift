import MailCore
import PostgreSQL
import Storage
import Testing

@Suite("Reaper and history", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct FilingReaperTests {
    private static let bodies = PreparedStatement("t_bodies", "SELECT count(*) FROM body")
    private static let chunks = PreparedStatement("t_chunks", "SELECT count(*) FROM body_chunk")
    private static let rest = PreparedStatement(
        "t_rest",
        "SELECT (SELECT count(*) FROM mail) + (SELECT count(*) FROM recipient) + (SELECT count(*) FROM verdict)")
    private static let releases = PreparedStatement("t_releases", "SELECT count(*) FROM body_release")
    private static let unfinished = PreparedStatement("t_unfinished", "SELECT count(*) FROM work")
    private static let partitions = PreparedStatement(
        "t_partitions", "SELECT count(*) FROM pg_inherits WHERE inhparent = 'mail_event'::regclass")
    private static let old = PreparedStatement(
        "t_old_events", "SELECT count(*) FROM mail_event WHERE at < now() - interval '30 days'")

    private func release(_ fixture: FilingFixture, dueIn interval: String = "-1 s") async throws {
        try await fixture.sql(
            "INSERT INTO body_release SELECT body_id, now() + interval '\(interval)' FROM body ON CONFLICT DO NOTHING")
    }

    @Test("a body without a reference goes, with its mail; one with work or an entry stays")
    func reap() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let filed = try await fixture.mail(to: [alice])
            try await fixture.mail(to: [alice])
            let expunged = try await fixture.mail(to: [alice])
            _ = try await fixture.store.file([filed, expunged], decide: FilingFixture.decide)
            try await fixture.sql("DELETE FROM mailbox_message WHERE mail_id = '\(expunged)'")
            try await release(fixture)

            let outcome = try await Reaper(pool: fixture.filerd, delay: .seconds(86_400)).reap()
            #expect(outcome == Reaper.Outcome(examined: 3, bodies: 1, mails: 1))
            #expect(try await fixture.owner.number(Self.bodies) == 2)
            #expect(try await fixture.owner.number(Self.chunks) == 2)
            #expect(try await fixture.owner.number(Self.rest) == 6)
            #expect(try await fixture.owner.number(Self.releases) == 0)
        }
    }

    @Test("work that only waits for a late verdict keeps no body, and ends after a week")
    func lateWork() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            try await fixture.mail(to: [alice], verdict: nil, stage: .late)
            try await release(fixture)
            let reaper = Reaper(pool: fixture.filerd, delay: .seconds(86_400))
            #expect(try await reaper.reap() == Reaper.Outcome(examined: 1, bodies: 1, mails: 1))
            #expect(try await fixture.owner.number(Self.unfinished) == 0)

            try await fixture.mail(to: [alice], verdict: nil, stage: .late)
            let work = WorkStore(pool: fixture.filerd)
            #expect(try await work.endLate(limit: 10) == 0)
            try await fixture.sql("UPDATE work SET created_at = now() - interval '8 days'")
            #expect(try await work.endLate(limit: 10) == 1)
            #expect(try await fixture.owner.number(Self.unfinished) == 0)
            #expect(try await fixture.owner.number(Self.releases) == 1)
        }
    }

    @Test("nothing goes before its day is over, unless the delay is shorter; an upload always keeps its day")
    func delay() async throws {
        try await FilingFixture.with { fixture in
            try await fixture.sql(
                """
                INSERT INTO body (body_id, size) VALUES (gen_random_uuid(), 5), (gen_random_uuid(), -1);
                INSERT INTO body_release SELECT body_id, now() + interval '1 day' FROM body
                """)
            let day = Reaper(pool: fixture.filerd, delay: .seconds(86_400))
            #expect(try await day.reap().examined == 0)
            let eager = Reaper(pool: fixture.filerd, delay: .zero)
            #expect(try await eager.reap().bodies == 1)
            #expect(try await fixture.owner.number(Self.bodies) == 1)
        }
    }

    @Test("a body that somebody is referring to just now is left alone")
    func lockedBody() async throws {
        try await FilingFixture.with { fixture in
            try await fixture.sql("INSERT INTO body (body_id, size) VALUES (gen_random_uuid(), 5)")
            try await release(fixture)
            let reaper = Reaper(pool: fixture.filerd, delay: .seconds(86_400))
            // Holds FOR KEY SHARE on the body while the reaper looks.
            let (ready, signalReady) = AsyncStream<Void>.makeStream()
            let holder = Task {
                try await fixture.owner.transaction { connection in
                    try connection.script("SELECT body_id FROM body FOR KEY SHARE")
                    signalReady.finish()
                    try connection.script("SELECT pg_sleep(0.5)")
                }
            }
            for await _ in ready {}
            #expect(try await reaper.reap().bodies == 0)
            #expect(try await fixture.owner.number(Self.releases) == 1)
            try await holder.value
            #expect(try await reaper.reap().bodies == 1)
        }
    }

    @Test("more than one batch is reaped in one go")
    func manyBodies() async throws {
        try await FilingFixture.with { fixture in
            try await fixture.sql("INSERT INTO body SELECT gen_random_uuid(), 5 FROM generate_series(1, 120)")
            try await release(fixture)
            #expect(try await Reaper(pool: fixture.filerd, delay: .seconds(86_400)).reap().bodies == 120)
            #expect(try await fixture.owner.number(Self.bodies) == 0)
        }
    }

    @Test("days of history are made ahead and dropped when old, by filerd's own role")
    func history() async throws {
        try await FilingFixture.with { fixture in
            try await fixture.sql(
                """
                CREATE TABLE mail_event_20200101 PARTITION OF mail_event
                    FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-01-02 00:00+00');
                INSERT INTO mail_event (mail_id, at, event) VALUES
                    (gen_random_uuid(), '2020-01-01 12:00+00', 'old'), (gen_random_uuid(), '2020-02-01 12:00+00', 'older')
                """)
            let dropped = try await EventPartitions(pool: fixture.filerd, keepDays: 30).maintain()
            #expect(dropped == 1)
            #expect(try await fixture.owner.number(Self.old) == 0)
            // Today and seven days ahead, and the default one.
            #expect(try await fixture.owner.number(Self.partitions) == 9)
        }
    }
}
