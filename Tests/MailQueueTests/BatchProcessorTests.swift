import AMQP
import Logging
import MailCore
import MailQueue
import PostgreSQL
import QueueContracts
import Storage
import Synchronization
import Testing

/// Tries in memory, with a storage that can be switched off.
private final class FakeWork: TryCounter {
    struct State {
        var attempts: [MailID: Int] = [:]
        var parked: Set<MailID> = []
        var finished: Set<MailID> = []
        var reasons: [MailID: String] = [:]
        /// So many requests from now on fail, as if storage were away.
        var failures = 0
    }

    let state = Mutex(State())

    private func answer<T>(_ body: (inout State) -> T) throws -> T {
        try state.withLock { state in
            guard state.failures == 0 else {
                state.failures -= 1
                throw PostgresError(.connectFailed)
            }
            return body(&state)
        }
    }

    func beginAttempt(_ mail: MailID, _ stages: [Stage]) async throws -> WorkStore.Attempt {
        try answer { state in
            if state.parked.contains(mail) || state.finished.contains(mail) { return .noWork }
            let number = state.attempts[mail, default: 0] + 1
            state.attempts[mail] = number
            return number > WorkStore.maximumAttempts ? .exhausted : .begun(number)
        }
    }

    func beginFirstAttempts(_ mails: [MailID], _ stages: [Stage]) async throws -> Set<MailID> {
        try answer { state in
            let fresh = mails.filter {
                state.attempts[$0, default: 0] == 0 && !state.parked.contains($0) && !state.finished.contains($0)
            }
            for mail in fresh { state.attempts[mail] = 1 }
            return Set(fresh)
        }
    }

    func forgiveAttempt(_ mails: [MailID], _ stages: [Stage]) async throws {
        try answer { state in for mail in mails { state.attempts[mail]? -= 1 } }
    }

    func recordFailure(_ mail: MailID, _ stages: [Stage], reason: String) async throws {
        try answer { $0.reasons[mail] = reason }
    }

    func park(_ mail: MailID, _ stages: [Stage], reason: String) async throws -> Bool {
        try answer { state in
            state.reasons[mail] = reason
            return state.parked.insert(mail).inserted
        }
    }

    func isReachable() async -> Bool { (try? answer { _ in true }) ?? false }
}

private struct Poison: Error, CustomStringConvertible { let description = "poison" }

/// What the handler saw and the bus carried.
private final class Record: Sendable {
    let calls = Mutex<[[MailID]]>([])
    let notices = Mutex<[ParkedNotice]>([])

    var hints: HintPublisher {
        HintPublisher { exchange, key, body in
            #expect(exchange == .parked && key == RoutingKey.parked)
            guard let notice = try? ParkedNotice.decode(body) else { return false }
            self.notices.withLock { $0.append(notice) }
            return true
        }
    }
}

@Suite struct BatchProcessorTests {
    private let work = FakeWork()
    private let record = Record()
    private let entries = (0..<6).map { _ in MailHint.Entry(mail: .next(), traceparent: .start()) }
    private var mails: [MailID] { entries.map(\.mail) }

    private func processor(
        _ handler: @escaping @Sendable ([MailID]) throws -> Void
    ) -> BatchProcessor {
        BatchProcessor(
            stage: .file, work: work, hints: record.hints,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            pause: RetryPause(first: .zero, longest: .zero)
        ) { [record] entries in
            record.calls.withLock { $0.append(entries.map(\.mail)) }
            try handler(entries.map(\.mail))
        }
    }

    private func batch(redelivered: Bool = false) -> HintBatch {
        let delivery = AMQPDelivery(
            tag: 1, redelivered: redelivered, exchange: "", routingKey: "", body: MailHint.classified(entries).encoded()
        )
        return HintBatch.split([delivery], schema: RoutingKey.mailClassified, maximum: 256)[0]
    }

    @Test func `a good batch is one call and counts no try`() async {
        #expect(await processor { _ in }.process(batch()))
        #expect(record.calls.withLock { $0 } == [mails])
        #expect(work.state.withLock { $0.attempts.isEmpty })
    }

    @Test func `a batch that fails is taken apart, and only the bad mail fails`() async {
        let bad = mails[2]
        #expect(await processor { if $0.contains(bad) { throw Poison() } }.process(batch()))
        #expect(record.calls.withLock { $0 } == [mails] + mails.map { [$0] })
        #expect(work.state.withLock { $0.attempts.values.allSatisfy { $0 == 1 } && $0.reasons == [bad: "poison"] })
        #expect(record.notices.withLock { $0.isEmpty })
    }

    @Test func `the fifth failure parks the mail and says so once`() async {
        let bad = mails[2]
        let work = work
        let processor = processor { mails in
            if mails.contains(bad) { throw Poison() }
            work.state.withLock { $0.finished.formUnion(mails) }
        }
        for _ in 0..<7 { #expect(await processor.process(batch())) }
        #expect(work.state.withLock { $0.parked == [bad] && $0.attempts[bad] == 5 })
        let notices = record.notices.withLock { $0 }
        #expect(
            notices.count == 1 && notices[0].mail == bad && notices[0].stage == "file" && notices[0].reason == "poison")
    }

    @Test func `redelivered mails get their first try together, counted before it is made`() async {
        let work = work
        let processor = processor { mails in
            #expect(work.state.withLock { state in mails.allSatisfy { state.attempts[$0] == 1 } })
        }
        #expect(await processor.process(batch(redelivered: true)))
        #expect(record.calls.withLock { $0 } == [mails])
    }

    @Test func `redelivered mails that were tried go alone, each try counted before it is made`() async {
        let work = work
        work.state.withLock { state in for mail in mails.prefix(3) { state.attempts[mail] = 2 } }
        let processor = processor { mails in
            if mails.count == 1 { #expect(work.state.withLock { $0.attempts[mails[0]] } == 3) }
            work.state.withLock { $0.finished.formUnion(mails) }
        }
        #expect(await processor.process(batch(redelivered: true)))
        #expect(record.calls.withLock { $0 } == [Array(mails.suffix(3))] + mails.prefix(3).map { [$0] })
    }

    @Test func `a redelivered batch that fails together is taken apart`() async {
        let bad = mails[4]
        #expect(await processor { if $0.contains(bad) { throw Poison() } }.process(batch(redelivered: true)))
        #expect(record.calls.withLock { $0 } == [mails] + mails.map { [$0] })
        #expect(work.state.withLock { $0.parked.isEmpty && $0.attempts[bad] == 2 })
    }

    @Test func `a handler that hangs ends the process, one that is in time does not`() async {
        let ends = Mutex(0)
        for (pause, expected) in [(Duration.zero, 0), (.seconds(60), 1)] {
            let processor = BatchProcessor(
                stage: .file, work: work, hints: record.hints,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                deadline: .init(together: .milliseconds(20), alone: .milliseconds(20)) { ends.withLock { $0 += 1 } }
            ) { _ in
                let end = ContinuousClock.now + pause
                while ContinuousClock.now < end && ends.withLock({ $0 == 0 }) { await Task.yield() }
            }
            #expect(await processor.process(batch()))
            #expect(ends.withLock { $0 } == expected)
        }
    }

    @Test func `a mail that ended five processes is parked without another try`() async {
        let killer = mails[0]
        work.state.withLock { $0.attempts[killer] = 5 }
        #expect(await processor { _ in }.process(batch(redelivered: true)))
        #expect(record.calls.withLock { $0 } == [Array(mails.dropFirst())])
        #expect(work.state.withLock { $0.parked } == [killer])
        #expect(record.notices.withLock { $0.map(\.mail) } == [killer])
    }

    @Test func `mails without work are skipped`() async {
        work.state.withLock { $0.finished = Set(mails) }
        #expect(await processor { _ in }.process(batch(redelivered: true)))
        #expect(record.calls.withLock { $0.isEmpty })
    }

    @Test func `a storage outage counts no try and repeats the batch`() async {
        let outage = Mutex(2)
        let processor = processor { _ in
            let isAway = outage.withLock { left in
                left -= 1
                return left >= 0
            }
            if isAway { throw PostgresError(.connectionLost) }
        }
        work.state.withLock { $0.failures = 20 }
        #expect(await processor.process(batch()))
        #expect(record.calls.withLock { $0 } == [mails, mails, mails])
        #expect(work.state.withLock { $0.attempts.isEmpty && $0.failures == 0 })
    }

    @Test func `an outage between single mails takes the try back`() async {
        let outage = Mutex(1)
        let processor = processor { _ in
            let isAway = outage.withLock { left in
                left -= 1
                return left >= 0
            }
            if isAway { throw PostgresError(.connectionLost) }
        }
        work.state.withLock { $0.failures = 3 }
        #expect(await processor.process(batch(redelivered: true)))
        #expect(work.state.withLock { $0.attempts.values.allSatisfy { $0 == 1 } && $0.parked.isEmpty })
    }

    @Test func `a mail that brings storage down each time is found out`() async {
        let bad = mails[1]
        let processor = processor { if $0.contains(bad) { throw PostgresError(.connectionLost) } }
        for _ in 0..<5 { #expect(await processor.process(batch())) }
        #expect(work.state.withLock { $0.parked } == [bad])
    }

    @Test func `a mail that waits for a lock comes again, is not counted and holds up nobody`() async {
        let slow = mails[1]
        let work = work
        let processor = processor { mails in
            if mails.contains(slow) { throw PostgresError(.server(sqlstate: "55P03")) }
            work.state.withLock { $0.finished.formUnion(mails) }
        }
        for isRedelivered in [false, true, false, false, false, false, false] {
            #expect(await processor.process(batch(redelivered: isRedelivered)))
        }
        #expect(work.state.withLock { $0.finished == Set(mails).subtracting([slow]) })
        #expect(work.state.withLock { $0.attempts[slow] == 0 && $0.parked.isEmpty && $0.reasons.isEmpty })
    }

    @Test func `an unreadable hint becomes a notice`() async {
        let delivery = AMQPDelivery(tag: 1, exchange: "", routingKey: "", body: Array("nonsense".utf8))
        let batch = HintBatch.split([delivery], schema: RoutingKey.mailClassified, maximum: 256)[0]
        #expect(await processor { _ in }.process(batch))
        let notices = record.notices.withLock { $0 }
        #expect(notices.count == 1 && notices[0].payload == "nonsense" && notices[0].mail == nil)
        #expect(record.calls.withLock { $0.isEmpty })
    }
}
