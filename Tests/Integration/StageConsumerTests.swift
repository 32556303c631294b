import AMQP
import MailCore
import MailQueue
import PostgreSQL
import QueueContracts
import Storage
import Synchronization
import Testing

/// The worker loop between a real broker and a real database, on queues of its own.
@Suite(
    .enabled(if: TestBroker.isAvailable, Comment(rawValue: TestBroker.reason)),
    .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct StageConsumerTests {
    private struct Poison: Error {}

    /// A fixture, a queue, and a publisher whose hints go straight to that queue.
    private func with(
        _ body:
            @escaping @Sendable (FilingFixture, String, AMQPAdmin, AMQPPublisher, HintPublisher) async throws -> Void
    ) async throws {
        try await FilingFixture.with { fixture in
            try await TestBroker.withQueue { queue, admin in
                let publisher = AMQPPublisher(configuration: try TestBroker.configuration(), logger: TestBroker.logger)
                let hints = HintPublisher { exchange, _, body in
                    publisher.publish(
                        exchange: "", routingKey: exchange == .mail ? queue : "\(queue).parked", body: body,
                        mandatory: false)
                }
                try await TestBroker.with(publisher) {
                    try await publisher.connected()
                    try await body(fixture, queue, admin, publisher, hints)
                }
            }
        }
    }

    private func stage(
        _ queue: String, _ work: WorkStore, _ hints: HintPublisher, _ configuration: AMQPConfiguration? = nil,
        _ handler: @escaping StageConsumer.Handler
    ) throws -> StageConsumer {
        StageConsumer(
            stage: .file,
            consumer: AMQPConsumer(
                configuration: try configuration ?? TestBroker.configuration(), source: .queue(queue), prefetch: 64,
                logger: TestBroker.logger),
            work: work, hints: hints, logger: TestBroker.logger, handler: handler)
    }

    private func mails(_ count: Int, to account: AccountID, _ fixture: FilingFixture) async throws -> [MailID] {
        var mails: [MailID] = []
        for _ in 0..<count { mails.append(try await fixture.mail(to: [account])) }
        return mails
    }

    private static let tries = PreparedStatement("t_tries", "SELECT coalesce(min(attempts), 9) FROM work")
    private static let unfinished = PreparedStatement("t_left", "SELECT count(*) FROM work WHERE parked_at IS NULL")

    @Test func `poison among good mails is parked, the others are filed, the queue is empty`() async throws {
        try await with { fixture, queue, admin, _, hints in
            let account = try await fixture.account("a")
            let mails = try await self.mails(60, to: account, fixture)
            let poison = Set(mails.indices.filter { $0 % 20 == 7 }.map { mails[$0] })
            let entries = mails.map { MailHint.Entry(mail: $0, traceparent: .start()) }
            let work = WorkStore(pool: fixture.filerd)
            let stage = try stage(queue, work, hints) { entries in
                if entries.contains(where: { poison.contains($0.mail) }) { throw Poison() }
                _ = try await fixture.store.file(entries.map(\.mail), decide: FilingFixture.decide)
            }
            try await TestBroker.with(stage) {
                // As the sweeper does: the hints come again until nothing is left.
                for round in 1...5 {
                    hints.announce(.file, entries)
                    try await TestBroker.eventually("every poison mail was tried \(round) times") {
                        try await fixture.owner.number(Self.tries) >= Int64(round)
                    }
                }
                try await TestBroker.eventually("all is filed or parked") {
                    try await fixture.owner.number(Self.unfinished) == 0
                }
            }
            #expect(Set(try await work.parked(limit: 100).map(\.mail)) == poison)
            let filed = PreparedStatement("t_filed", "SELECT count(*) FROM mailbox_message")
            #expect(try await fixture.owner.number(filed) == 57)
            #expect(try await admin.depth(ofQueue: queue)?.messages == 0)
        }
    }

    @Test func `a connection lost in the middle files nothing twice and loses nothing`() async throws {
        let proxy = try TestBroker.proxy()
        defer { proxy.stop() }
        let proxied = try TestBroker.configuration(through: proxy)
        try await with { fixture, queue, admin, _, hints in
            let account = try await fixture.account("a")
            let mails = try await self.mails(100, to: account, fixture)
            let calls = Mutex(0)
            let stage = try stage(queue, WorkStore(pool: fixture.filerd), hints, proxied) { entries in
                _ = try await fixture.store.file(entries.map(\.mail), decide: FilingFixture.decide)
                let call = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                // After the commit, before the acknowledgement.
                if call % 3 == 1 { proxy.failOpenConnections(.cut(after: 0)) }
            }
            try await TestBroker.with(stage) {
                for mail in mails { hints.announce(.file, [MailHint.Entry(mail: mail, traceparent: .start())]) }
                try await TestBroker.eventually("all is filed", within: .seconds(30)) {
                    try await fixture.owner.number(Self.unfinished) == 0
                }
            }
            let copies = PreparedStatement("t_copies", "SELECT count(*) FROM mailbox_message")
            #expect(try await fixture.owner.number(copies) == 100)
            #expect(try await WorkStore(pool: fixture.filerd).parked(limit: 1).isEmpty)
        }
    }

    @Test func `foreign ids and nonsense are acknowledged and harm nobody`() async throws {
        try await with { fixture, queue, admin, publisher, hints in
            let good = try await fixture.mail(to: [try await fixture.account("a")])
            let notices = Mutex<[ParkedNotice]>([])
            let recorded = HintPublisher { _, _, body in
                if let notice = try? ParkedNotice.decode(body) { notices.withLock { $0.append(notice) } }
                return true
            }
            let stage = try stage(queue, WorkStore(pool: fixture.filerd), recorded) { entries in
                _ = try await fixture.store.file(entries.map(\.mail), decide: FilingFixture.decide)
            }
            try await TestBroker.with(stage) {
                for body in [
                    "", "{}", String(repeating: "[", count: 100_000), #"{"schema":"mail.classified","version":9}"#,
                ] {
                    publisher.publish(exchange: "", routingKey: queue, body: Array(body.utf8))
                }
                hints.announce(.file, [MailHint.Entry(mail: .next(), traceparent: .start())])
                hints.announce(.file, [MailHint.Entry(mail: good, traceparent: .start())])
                try await TestBroker.eventually("the good mail is filed") {
                    try await fixture.owner.number(Self.unfinished) == 0
                }
            }
            #expect(
                notices.withLock { $0.map(\.reason) } == [
                    "unreadable", "unreadable", "unreadable", "unknownVersion(9)",
                ])
            #expect(notices.withLock { $0.allSatisfy { ($0.payload?.utf8.count ?? 0) <= 1024 } })
            #expect(try await admin.depth(ofQueue: queue)?.messages == 0)
        }
    }
}
