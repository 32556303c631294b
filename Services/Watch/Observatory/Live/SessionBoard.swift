package import AMQP
package import Logging
import MailCore
package import QueueContracts
import ServiceKit
import ServiceLifecycle
import Synchronization

/// Takes what daemons tell of their sessions, keeps some of it, and passes it on to the streams.
package final class SessionBoard: Service, Sendable {
    /// Summaries are not asked for again within this time.
    private static let freshness = Duration.seconds(1)
    private static let patience = Duration.seconds(1)

    package static let source = AMQPConsumer.Source.exclusive(
        prefix: "watchd", exchange: Exchange.watch.rawValue, routingKeys: [RoutingKey.session("#")])

    private let consumer: AMQPConsumer?
    private let hub: StreamHub
    private let ask: @Sendable (WatchRequest) -> Void
    private let watcher: String
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var ledger = SessionLedger()
        /// Every watchd hears the answers to all: their numbers must differ.
        var nextRequest = Int.random(in: 1...(1 << 40))
        var open: [Int: (left: Int, done: AsyncStream<Void>.Continuation)] = [:]
        var askedAt: [Viewer: ContinuousClock.Instant] = [:]
    }

    private static let unreadable = Metric.Counter(
        "mail_watchd_unreadable_sessions_total", help: "Reports of sessions that could not be read.")

    /// - Parameters:
    ///   - consumer: of `source`; run here. `nil` in tests, which call `take`.
    ///   - watcher: tells this process from others that watch.
    ///   - ask: publishes a request; must not block.
    package init(
        consumer: AMQPConsumer?, hub: StreamHub, watcher: String, logger: Logger,
        ask: @escaping @Sendable (WatchRequest) -> Void
    ) {
        self.consumer = consumer
        self.hub = hub
        self.watcher = watcher
        self.logger = logger
        self.ask = ask
    }

    package func run() async throws {
        guard let consumer else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consumer.run() }
            group.addTask {
                for await batch in consumer.batches {
                    for delivery in batch { self.take(delivery.body) }
                    if let last = batch.last { consumer.acknowledge(upTo: last) }
                }
            }
            try await group.waitForAll()
        }
    }

    package func take(_ body: [UInt8]) {
        do throws(ContractError) {
            take(try SessionReport.decode(body))
        } catch {
            Self.unreadable.increment()
            logger.warning("unreadable report of sessions", metadata: [LogKey.error: "\(error)"])
        }
    }

    package func take(_ report: SessionReport) {
        let (news, done) = state.withLock { state in
            let news = state.ledger.take(report)
            var done: AsyncStream<Void>.Continuation?
            if report.isLast == true, let number = report.summaries, var request = state.open[number] {
                request.left -= 1
                state.open[number] = request.left > 0 ? request : nil
                if request.left <= 0 { done = request.done }
            }
            return (news, done)
        }
        hub.publish(news)
        done?.finish()
    }

    // MARK: - Asking

    /// Tells the daemons to tell us, for 15 seconds.
    func subscribe(everything: Bool, accounts: [Int64]) {
        ask(WatchRequest(watcher: watcher, seconds: 15, everything: everything, accounts: accounts))
    }

    func unsubscribe() { ask(WatchRequest(watcher: watcher, seconds: 0, everything: false, accounts: [])) }

    /// The last sessions, newest first.
    /// - Parameter daemons: how many processes will answer; who has not within a second is not waited for.
    func lastSessions(_ viewer: Viewer, limit: Int, daemons: Int) async -> [SessionAnswer] {
        await refresh(viewer, daemons: daemons)
        return state.withLock { $0.ledger.sessions(for: viewer, limit: limit) }
    }

    private func refresh(_ viewer: Viewer, daemons: Int) async {
        let (done, finished) = AsyncStream<Void>.makeStream()
        let number: Int? = state.withLock { state in
            state.askedAt = state.askedAt.filter { .now - $0.value < Self.freshness }
            guard daemons > 0, state.askedAt[viewer] == nil else { return nil }
            state.askedAt[viewer] = .now
            state.nextRequest += 1
            state.open[state.nextRequest] = (daemons, finished)
            return state.nextRequest
        }
        guard let number else { return }
        // Under another name, so that it changes nothing of what is being watched.
        ask(
            WatchRequest(
                watcher: "\(watcher)/last", seconds: 0, everything: viewer.isAdmin,
                accounts: viewer.account.map { [$0.value] } ?? [], summaries: number))
        _ = await within(Self.patience) { for await _ in done {} }
        state.withLock { _ = $0.open.removeValue(forKey: number) }
    }

    func transcript(of session: String, for viewer: Viewer) -> TranscriptAnswer? {
        state.withLock { $0.ledger.transcript(of: session, for: viewer) }
    }
}
