import AMQP
import MailCore
import MailQueue
import PostgreSQL
import QueueContracts
import Storage
import Synchronization
import Testing

/// The sweeper on a real database, with a broker that is only a record.
@Suite(.enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct SweeperTests {
    private final class FakeBroker: Sendable {
        struct State {
            var since: ContinuousClock.Instant? = .now - .seconds(3600)
            var depth = AMQPQueueDepth(messages: 0, consumers: 0)
            var hints: [(key: String, mails: [MailID])] = []
        }
        let state = Mutex(State())

        var hints: HintPublisher {
            HintPublisher { _, key, body in
                guard let hint = try? MailHint.decode(body, schema: key) else { return false }
                self.state.withLock { $0.hints.append((key, hint.mails.map(\.mail))) }
                return true
            }
        }

        func sweeper(_ work: WorkStore) -> Sweeper {
            Sweeper(
                work: work, hints: hints,
                broker: Sweeper.Broker(
                    connectedSince: { self.state.withLock { $0.since } },
                    depth: { _ in self.state.withLock { $0.depth } }),
                logger: TestDatabase.logger)
        }

        func told(_ key: String) -> [MailID] { state.withLock { $0.hints.filter { $0.key == key }.flatMap(\.mails) } }
    }

    private func overdue(_ fixture: FilingFixture, _ stage: Stage, _ count: Int) async throws -> [MailID] {
        let account = try await fixture.account("a\(stage)")
        var mails: [MailID] = []
        for _ in 0..<count {
            mails.append(try await fixture.mail(to: [account], verdict: stage == .classify ? nil : .ham, stage: stage))
        }
        try await fixture.sql(
            """
            UPDATE work SET next_hint_at = now();
            UPDATE work SET recipient = 0 WHERE stage = 1;
            """)
        return mails
    }

    @Test func `lost hints are told again, once`() async throws {
        try await FilingFixture.with { fixture in
            let file = try await overdue(fixture, .file, 3), classify = try await overdue(fixture, .classify, 2)
            let broker = FakeBroker()
            var rule = FailOpenRule()
            let sweeper = broker.sweeper(WorkStore(pool: fixture.filerd))
            #expect(try await sweeper.pass(&rule) == .seconds(1))
            #expect(
                Set(broker.told("mail.classified")) == Set(file) && Set(broker.told("mail.accepted")) == Set(classify))
            _ = try await sweeper.pass(&rule)
            #expect(broker.state.withLock { $0.hints.count } == 2)
        }
    }

    @Test func `nothing is claimed while the broker is away or the queue is deep`() async throws {
        try await FilingFixture.with { fixture in
            let mails = try await overdue(fixture, .file, 2)
            let broker = FakeBroker()
            var rule = FailOpenRule()
            let sweeper = broker.sweeper(WorkStore(pool: fixture.filerd))
            broker.state.withLock { $0.since = nil }
            _ = try await sweeper.pass(&rule)
            broker.state.withLock {
                $0.since = .now
                $0.depth = AMQPQueueDepth(messages: 32, consumers: 1)
            }
            _ = try await sweeper.pass(&rule)
            #expect(broker.state.withLock { $0.hints.isEmpty })
            // All at once when it is shallow again: the wait has not put them off.
            broker.state.withLock { $0.depth = AMQPQueueDepth(messages: 0, consumers: 1) }
            _ = try await sweeper.pass(&rule)
            #expect(Set(broker.told("mail.classified")) == Set(mails))
        }
    }

    @Test func `without a classifyd mails go on after 30 s, and 30 s after the broker's return`() async throws {
        try await FilingFixture.with { fixture in
            let mails = try await overdue(fixture, .classify, 3)
            try await fixture.sql(
                "UPDATE work SET created_at = now() - interval '1 min', next_hint_at = now() + interval '1 h'")
            let broker = FakeBroker()
            var rule = FailOpenRule()
            let sweeper = broker.sweeper(WorkStore(pool: fixture.filerd))
            broker.state.withLock { $0.since = .now - .seconds(5) }
            _ = try await sweeper.pass(&rule)
            #expect(broker.told("mail.classified").isEmpty)
            broker.state.withLock { $0.since = .now - .seconds(31) }
            _ = try await sweeper.pass(&rule)
            #expect(Set(broker.told("mail.classified")) == Set(mails))
            #expect(try await fixture.store.file(mails, decide: FilingFixture.decide).filed == 3)
        }
    }

    @Test func `a classifyd that makes progress has 5 min`() async throws {
        try await FilingFixture.with { fixture in
            let mails = try await overdue(fixture, .classify, 3)
            try await fixture.sql(
                """
                UPDATE work SET created_at = now() - interval '1 min', next_hint_at = now() + interval '1 h';
                UPDATE work SET created_at = now() - interval '301 s' WHERE mail_id = '\(mails[2])';
                """)
            let broker = FakeBroker()
            broker.state.withLock { $0.depth = AMQPQueueDepth(messages: 500, consumers: 1) }
            var rule = FailOpenRule()
            rule.observe([MailID.next(), mails[0], mails[1], mails[2]], at: .now)
            let sweeper = broker.sweeper(WorkStore(pool: fixture.filerd))
            _ = try await sweeper.pass(&rule)
            #expect(broker.told("mail.classified") == [mails[2]])
        }
    }
}
