package import AMQP
import LineServer
package import Logging
import MailCore
import QueueContracts
import ServiceKit
import ServiceLifecycle
import Synchronization

/// Tells this daemon's sessions to whoever asks on the bus.
///
/// Nobody watching costs one atomic load per event: the tap is off until a request comes and off again with the first
/// event after the last request's time. Nothing here makes a session wait: what the bus does not take is dropped and
/// counted.
package final class SessionWatch: Service, Sendable {
    /// How long events gather before they are sent together.
    private static let gathering = Duration.milliseconds(100)

    private let daemon: String
    private let consumer: AMQPConsumer
    private let publisher: AMQPPublisher
    private let logger: Logger
    private let selection = Mutex(SessionSelection())
    private let news: AsyncStream<Void>
    private let newsArrived: AsyncStream<Void>.Continuation

    private static let told = Metric.Counter("mail_watch_events_total", help: "Session events told to who watches.")
    private static let dropped = Metric.Counter(
        "mail_watch_events_dropped_total", help: "Session events left out for want of speed.")

    /// - Parameter daemon: its name, as in the names of its queue and routing key.
    package init(daemon: String, amqp: AMQPConfiguration, publisher: AMQPPublisher, logger: Logger) {
        self.daemon = daemon
        self.publisher = publisher
        self.logger = logger
        self.consumer = AMQPConsumer(
            configuration: amqp,
            source: .exclusive(
                prefix: daemon, exchange: Exchange.watch.rawValue, routingKeys: [RoutingKey.watchRequested]),
            prefetch: 20, logger: logger)
        (self.news, self.newsArrived) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.consumer.run() }
            group.addTask { await self.listen() }
            group.addTask { await self.tell() }
            try await group.waitForAll()
        }
    }

    // MARK: - Requests

    private func listen() async {
        for await batch in consumer.batches {
            for delivery in batch { take(delivery) }
            if let last = batch.last { consumer.acknowledge(upTo: last) }
        }
        SessionTap.setSink(nil)
        newsArrived.finish()
    }

    private func take(_ delivery: AMQPDelivery) {
        let request: WatchRequest
        do {
            request = try WatchRequest.decode(delivery.body)
        } catch {
            logger.warning("unreadable request to watch", metadata: [LogKey.error: "\(error)"])
            return
        }
        if let number = request.summaries { tellSummaries(number, request) }
        // The tap is turned under the lock, so that an end of one watcher's time does not overtake another's request.
        selection.withLock { selection in
            let isWatched = selection.take(request, at: Timestamp.now().microseconds)
            guard isWatched != SessionTap.isWatched else { return }
            if isWatched { SessionTap.setSink(sink, gate: hasRoom) } else { SessionTap.setSink(nil) }
        }
    }

    private func hasRoom(for session: String) -> Bool {
        whileWatched { selection, now in selection.hasRoom(for: session, at: now) }
    }

    private func sink(_ session: String, _ event: SessionEvent, _ facts: () -> SessionSummary) {
        let isFirst = whileWatched { selection, now in selection.take(session, event, at: now, facts: facts) }
        if isFirst { newsArrived.yield() }
    }

    /// False when nobody watches any more; nothing more is then told to us.
    private func whileWatched(_ body: (inout SessionSelection, Int64) -> Bool) -> Bool {
        let now = Timestamp.now().microseconds
        return selection.withLock { selection in
            guard selection.isWatched(at: now) else {
                SessionTap.setSink(nil)
                return false
            }
            return body(&selection, now)
        }
    }

    // MARK: - Reports

    private func tell() async {
        for await _ in news {
            // What follows the first event closely goes with it. A sleep that is cancelled is the end.
            try? await Task.sleep(for: Self.gathering)
            while let batch = selection.withLock({ $0.next() }) {
                let report = SessionReport(
                    daemon: daemon, events: batch.events, droppedEvents: batch.droppedEvents,
                    droppedSessions: batch.droppedSessions)
                Self.dropped.increment(by: batch.droppedEvents)
                guard publish(report) else {
                    selection.withLock { $0.lost(batch) }
                    break
                }
                Self.told.increment(by: batch.events.count)
            }
        }
    }

    /// The last sessions that the asker may see, newest first.
    private func tellSummaries(_ number: Int, _ request: WatchRequest) {
        let accounts = Set(request.accounts)
        let events = SessionTap.lastSessions().reversed()
            .filter { request.everything || $0.account.map { accounts.contains($0.value) } == true }
            .map {
                SessionReport.Event(
                    session: $0.id, at: $0.closedAt.microseconds, kind: .closed, account: $0.account?.value,
                    facts: .init($0, isOpen: false))
            }
        var rest = events[...]
        repeat {
            let part = Array(rest.prefix(SessionReport.maximumEntries))
            rest = rest.dropFirst(part.count)
            publish(SessionReport(daemon: daemon, events: part, summaries: number, isLast: rest.isEmpty))
        } while !rest.isEmpty
    }

    @discardableResult
    private func publish(_ report: SessionReport) -> Bool {
        let body = report.encoded()
        // A report that nobody could read is left out rather than sent.
        guard body.count <= maximumMessageBytes else { return false }
        return publisher.publish(
            exchange: Exchange.watch.rawValue, routingKey: RoutingKey.session(daemon), body: body, mandatory: false,
            persistent: false)
    }
}
