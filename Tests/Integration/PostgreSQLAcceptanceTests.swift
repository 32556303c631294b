import Logging
import MailCore
import PostgreSQL
import QueueContracts
import ServiceLifecycle
import Storage
import Synchronization
import Testing

@Suite("Acceptance", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct PostgreSQLAcceptanceTests {
    private static let mails = PreparedStatement("a_mails", "SELECT count(*) FROM mail")
    private static let whole = PreparedStatement(
        "a_whole",
        """
        SELECT count(*) FROM mail m JOIN body b USING (body_id) JOIN body_chunk c USING (body_id)
        JOIN recipient r USING (mail_id) JOIN work w USING (mail_id) JOIN mail_event e USING (mail_id)
        WHERE w.stage = 1 AND w.recipient = 0 AND r.recipient = 1 AND e.event = 'accepted' AND b.size = m.size
        """)

    private func mail(_ body: [UInt8] = [0, 13, 10, 255], from: String = "a@remote.test") -> AcceptedMail {
        AcceptedMail(
            id: .next(), body: .inline(body), receivedAt: .now(), origin: .mx, envelopeFrom: from, submitter: nil,
            peer: "192.0.2.1", helo: "remote.test", size: body.count, traceparent: .start(), summary: [1, 2, 3],
            recipients: [AcceptedRecipient(address: "alice@local.test", account: AccountID(1))])
    }

    /// Tries again for up to 20 s while the outbox is full.
    private func acceptedAtLast(by queue: AcceptanceQueue) async throws -> AcceptanceOutcome {
        var outcome = await queue.submit(mail())
        for _ in 0..<200 where outcome == .outboxFull {
            try await Task.sleep(for: .milliseconds(100))
            outcome = await queue.submit(mail())
        }
        return outcome
    }

    /// Runs a queue, hands it over with what it published, and stops it.
    private func withQueue<T: Sendable>(
        _ configuration: PostgresConfiguration, outboxMaximum: Int = 1_000_000,
        answerWithin: Duration = .milliseconds(9500),
        _ body: @Sendable (AcceptanceQueue, Hints, PostgresPool) async throws -> T
    ) async throws -> T {
        let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
        let hints = Hints()
        let queue = AcceptanceQueue(
            pool: pool, onCommitted: { hints.add($0) }, outboxMaximum: outboxMaximum, answerWithin: answerWithin,
            logger: TestDatabase.logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await queue.run() }
            defer { group.cancelAll() }
            return try await body(queue, hints, pool)
        }
    }

    final class Hints: Sendable {
        private let batches = Mutex<[[MailHint.Entry]]>([])
        func add(_ entries: [MailHint.Entry]) { batches.withLock { $0.append(entries) } }
        var sizes: [Int] { batches.withLock { $0.map(\.count) } }
    }

    @Test("a mail is committed whole, byte for byte, in the role of smtpd")
    func whole() async throws {
        try await TestDatabase.with { configuration in
            var smtpd = configuration
            smtpd.url += "?options=-c%20role%3Dmartlet_smtpd"
            let body = [UInt8]((0...255).map { UInt8($0) })
            let mail = mail(body)
            let outcome = try await withQueue(smtpd, outboxMaximum: 100) { queue, hints, _ in
                let outcome = await queue.submit(mail)
                #expect(hints.sizes == [1])
                return outcome
            }
            #expect(outcome == .committed)
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let count = try await pool.number(Self.whole)
            #expect(count == 1)
            let bytes = PreparedStatement("a_bytes", "SELECT bytes FROM body_chunk")
            let stored = try await pool.withConnection { try $0.execute(bytes)[0].bytes(0) }
            #expect(stored == body)
        }
    }

    @Test("mails submitted together share transactions of at most 128, one hint each")
    func groups() async throws {
        try await TestDatabase.with { configuration in
            try await withQueue(configuration) { queue, hints, pool in
                let outcomes = await submit((0..<1000).map { _ in mail() }, to: queue)
                #expect(outcomes.allSatisfy { $0 == .committed })
                #expect(hints.sizes.reduce(0, +) == 1000)
                #expect(hints.sizes.allSatisfy { $0 <= AcceptanceQueue.maximumMails })
                #expect(hints.sizes.count < 100)
                let count = try await pool.number(Self.whole)
                #expect(count == 1000)
            }
        }
    }

    @Test("one mail that the database refuses does not take its batch along")
    func poison() async throws {
        try await TestDatabase.with { configuration in
            try await withQueue(configuration) { queue, _, pool in
                // U+0000 cannot be stored as text.
                var batch = (0..<60).map { _ in mail() }
                batch[30] = mail(from: "nul\0@remote.test")
                let outcomes = await submit(batch, to: queue)
                #expect(outcomes.filter { $0 == .committed }.count == 59)
                let count = try await pool.number(Self.whole)
                #expect(count == 59)
            }
        }
    }

    /// A streamed body has its end marked first, in a round trip before that of the COMMIT.
    @Test("an unknown outcome is looked up: committed although the answer was lost", arguments: [false, true])
    func unknownButCommitted(isStreamed: Bool) async throws {
        try await TestDatabase.withProxy(commitSilence: .milliseconds(500)) { proxy, behind, direct in
            try await withQueue(behind) { queue, hints, _ in
                // The first mails prepare the statements, in both workers at best; the last one's answer is lost.
                for _ in 0..<2 {
                    let warm = await queue.submit(try await self.mail(isStreamed: isStreamed, in: direct))
                    #expect(warm == .committed)
                }
                let last = try await self.mail(isStreamed: isStreamed, in: direct)
                proxy.failOpenConnections(.silence(after: isStreamed ? 1 : 0))
                let outcome = await queue.submit(last)
                #expect(outcome == .committed)
                #expect(hints.sizes == [1, 1, 1])
                let count = try await direct.number(Self.mails)
                #expect(count == 3)
            }
        }
    }

    @Test("an unknown outcome is looked up: a COMMIT that is still under way is waited for, and not ended")
    func unknownAndRunning() async throws {
        try await TestDatabase.withProxy(commitSilence: .milliseconds(200)) { _, behind, direct in
            try await direct.withConnection { connection in
                try connection.script(
                    """
                    CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN PERFORM pg_sleep(0.8); RETURN NULL; END $$;
                    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON mail DEFERRABLE INITIALLY DEFERRED
                        FOR EACH ROW EXECUTE FUNCTION at_commit();
                    """)
            }
            // Older, and open all the while: the latest id that has ended is before both.
            let older = Task {
                try await direct.transaction { try $0.script("SELECT pg_current_xact_id(); SELECT pg_sleep(2)") }
            }
            let sleeping = PreparedStatement(
                "a_sleeping",
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")
            for _ in 0..<100 where try await direct.number(sleeping) == 0 {
                try await Task.sleep(for: .milliseconds(20))
            }
            try await withQueue(behind) { queue, hints, _ in
                let outcome = await queue.submit(mail())
                #expect(outcome == .committed)
                #expect(hints.sizes == [1])
                let count = try await direct.number(Self.mails)
                #expect(count == 1)
            }
            try await older.value
        }
    }

    private func mail(isStreamed: Bool, in pool: PostgresPool) async throws -> AcceptedMail {
        var mail = mail()
        guard isStreamed else { return mail }
        var upload = try await BodyUpload.begin(in: pool)
        try await upload.append([UInt8](repeating: 65, count: 300_000))
        mail.body = try await upload.finish()
        mail.size = mail.body.size
        return mail
    }

    @Test("an unknown outcome is looked up: the backend died before it committed")
    func unknownAndLost() async throws {
        try await TestDatabase.with { configuration in
            try await withQueue(configuration) { queue, hints, pool in
                try await pool.withConnection { connection in
                    try connection.script(
                        """
                        CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS
                            $$ BEGIN PERFORM pg_sleep(8); RETURN NULL; END $$;
                        CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON mail DEFERRABLE INITIALLY DEFERRED
                            FOR EACH ROW EXECUTE FUNCTION at_commit();
                        """)
                }
                try await endInCommit(waitingFor: "PgSleep", queue, hints, pool)
                let count = try await pool.number(Self.mails)
                #expect(count == 0)
            }
        }
    }

    /// Ends the process that commits a mail while it waits; the client must be told to try again.
    private func endInCommit(
        waitingFor event: String, _ queue: AcceptanceQueue, _ hints: Hints, _ pool: PostgresPool
    ) async throws {
        let submitting = Task { await queue.submit(mail()) }
        let end = PreparedStatement(
            "a_end",
            """
            SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = $1
            """)
        var ended: Int64 = 0
        for _ in 0..<100 where ended == 0 {
            try await Task.sleep(for: .milliseconds(20))
            ended = try await pool.withConnection { try $0.execute(end, [.text(event)])[0].int8(0) }
        }
        #expect(ended == 1)
        let outcome = await submitting.value
        guard case .temporaryFailure = outcome else {
            Issue.record("the mail was answered with \(outcome)")
            return
        }
        #expect(hints.sizes.isEmpty)
    }

    @Test("an unknown outcome is looked up: found, but on no synchronous standby")
    func unknownWithoutStandby() async throws {
        try await TestDatabase.with { configuration in
            var configuration = configuration
            configuration.commitSilence = .milliseconds(500)
            try await withQueue(configuration) { queue, hints, pool in
                try await TestDatabase.withoutStandby {
                    try await endInCommit(waitingFor: "SyncRep", queue, hints, pool)
                    // It is committed on this server alone.
                    #expect(try await pool.number(Self.mails) == 1)
                }
            }
        }
    }

    @Test("a WARNING at COMMIT is a temporary failure")
    func warning() async throws {
        try await TestDatabase.with { configuration in
            try await withQueue(configuration) { queue, _, pool in
                try await pool.withConnection { connection in
                    try connection.script(
                        """
                        CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
                            $$ BEGIN RAISE WARNING 'standby lost'; RETURN NULL; END $$;
                        CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON mail DEFERRABLE INITIALLY DEFERRED
                            FOR EACH ROW EXECUTE FUNCTION warn();
                        """)
                }
                guard case .temporaryFailure = await queue.submit(mail()) else {
                    Issue.record("a commit that may not be on the standby was confirmed")
                    return
                }
            }
        }
    }

    @Test("with the storage down every mail is answered in time, and later ones are accepted again")
    func storageDown() async throws {
        var nowhere = PostgresConfiguration(url: "postgresql://u@192.0.2.1/d", applicationName: "test")
        nowhere.connectTimeout = .seconds(5)
        let started = ContinuousClock.now
        try await withQueue(nowhere, answerWithin: .seconds(2)) { queue, _, _ in
            let outcomes = await submit((0..<5).map { _ in mail() }, to: queue)
            #expect(outcomes.allSatisfy { if case .temporaryFailure = $0 { true } else { false } })
        }
        #expect(ContinuousClock.now - started < .seconds(8))
    }

    @Test("above the maximum of unfinished mails nothing is accepted until there are fewer")
    func outbox() async throws {
        try await TestDatabase.with { configuration in
            try await withQueue(configuration, outboxMaximum: 20) { queue, _, pool in
                for _ in 0..<20 {
                    // What is accepted while the gauge looks may count twice until its next look.
                    #expect(try await acceptedAtLast(by: queue) == .committed)
                }
                let full = await queue.submit(mail())
                #expect(full == .outboxFull)
                try await pool.withConnection { try $0.script("DELETE FROM work") }
                #expect(try await acceptedAtLast(by: queue) == .committed)
            }
        }
    }

    @Test("a streamed body belongs to the mail whose commit ends it, and only to that one")
    func streamed() async throws {
        try await TestDatabase.with { configuration in
            var smtpd = configuration
            smtpd.url += "?options=-c%20role%3Dmartlet_smtpd"
            let bytes = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try await withQueue(smtpd) { queue, _, pool in
                var upload = try await BodyUpload.begin(in: pool)
                for start in stride(from: 0, to: bytes.count, by: 50_000) {
                    try await upload.append(bytes[start..<min(start + 50_000, bytes.count)])
                }
                let body = try await upload.finish()
                #expect(body.size == bytes.count)
                var first = mail()
                first.body = body
                first.size = body.size
                var second = mail()
                second.body = body
                let outcomes = (await queue.submit(first), await queue.submit(second))
                #expect(outcomes.0 == .committed)
                #expect(outcomes.1 != .committed)
            }
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let chunks = PreparedStatement("a_chunks", "SELECT bytes FROM body_chunk ORDER BY seq")
            let stored = try await pool.withConnection { try $0.execute(chunks).map { try $0.bytes(0) } }
            #expect(stored.map(\.count) == [262_144, 262_144, 175_712])
            #expect(Array(stored.joined()) == bytes)
        }
    }

    @Test("an upload whose body was reaped fails at the next chunk")
    func reaped() async throws {
        try await TestDatabase.withPool { pool in
            var upload = try await BodyUpload.begin(in: pool)
            try await pool.withConnection { try $0.script("DELETE FROM body") }
            await #expect(throws: BodyUpload.Gone.self) {
                try await upload.append([UInt8](repeating: 1, count: BodyUpload.chunkSize))
            }
        }
    }
}

private func submit(_ mails: [AcceptedMail], to queue: AcceptanceQueue) async -> [AcceptanceOutcome] {
    await withTaskGroup(of: AcceptanceOutcome.self) { group in
        for mail in mails { group.addTask { await queue.submit(mail) } }
        return await group.reduce(into: []) { $0.append($1) }
    }
}
