import BlockingWork
import DequeModule
package import Logging
import ServiceLifecycle
import Synchronization

/// Publishes with pipelined confirms on a connection and thread of its own; reconnects by itself.
///
/// No caller ever waits for the broker, apart from `publishConfirmed`, which waits for its own message's confirm.
/// What the broker did not take is dropped and counted: whoever needs it taken keeps it elsewhere (the work rows are
/// such a place).
package final class AMQPPublisher: Service, Sendable {
    /// Messages that wait to be sent or confirmed; above this `publish` refuses.
    package static let maximumPending = 10_000

    private let configuration: AMQPConfiguration
    private let logger: Logger
    let shared = PublisherState()

    package init(configuration: AMQPConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Whether the broker is there and takes messages as far as we know.
    package var isConnected: Bool { shared.state.withLock { $0.connectedSince != nil } }

    /// When the present connection was made; `nil` without one.
    package var connectedSince: ContinuousClock.Instant? { shared.state.withLock { $0.connectedSince } }

    package var statistics: AMQPPublisherStatistics { shared.state.withLock { $0.statistics } }

    /// Hears what became of a message: confirmed, refused, or lost with the connection. Called once, must not block.
    package typealias Settled = @Sendable (Result<Void, AMQPError>) -> Void

    /// Takes the message, or refuses it (`false`) when the broker is away or too much is waiting. Never blocks.
    @discardableResult
    package func publish(
        exchange: String, routingKey: String, body: [UInt8], mandatory: Bool = true, persistent: Bool = true,
        settled: Settled? = nil
    ) -> Bool {
        let wake: Bool? = shared.state.withLock { state in
            guard state.refusal(ofBody: body.count) == nil else {
                state.statistics.dropped += 1
                return nil
            }
            let (id, mustWake) = state.enqueue(exchange, routingKey, body, mandatory, persistent)
            state.waiters[id] = settled
            return mustWake
        }
        if wake == true { shared.wakeup.signal() }
        return wake != nil
    }

    /// Suspends until the broker has confirmed this message; all that wait do so together. Not interrupted by
    /// cancellation, but answers within `confirmedPublishTimeout`.
    package func publishConfirmed(
        exchange: String, routingKey: String, body: [UInt8], mandatory: Bool = true, persistent: Bool = true
    ) async throws(AMQPError) {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Void, AMQPError>, Never>) in
            let outcome: Result<Bool, AMQPError> = shared.state.withLock { state in
                if let refusal = state.refusal(ofBody: body.count) { return .failure(refusal) }
                let (id, mustWake) = state.enqueue(exchange, routingKey, body, mandatory, persistent)
                state.waiters[id] = { continuation.resume(returning: $0) }
                state.deadlines.append((id, .now + configuration.confirmedPublishTimeout))
                return .success(mustWake)
            }
            switch outcome {
            case .failure(let error): continuation.resume(returning: .failure(error))
            case .success(let mustWake): if mustWake { shared.wakeup.signal() }
            }
        }
        try result.get()
    }

    /// Serves until shutdown: then sends what is waiting, takes the confirms (3 s at most) and closes.
    package func run() async throws {
        let loop = PublisherLoop(configuration: configuration, shared: shared, logger: logger)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await loop.run()
            } onGracefulShutdown: {
                self.stop()
            }
        } onCancel: {
            stop()
        }
    }

    private func stop() {
        shared.state.withLock { $0.isStopping = true }
        shared.wakeup.signal()
    }
}

/// What callers and the publisher's thread share.
final class PublisherState: Sendable {
    struct State {
        var queue: Deque<OutgoingMessage> = []
        var waiters: [UInt64: AMQPPublisher.Settled] = [:]
        /// In order, as all wait equally long; those answered stay until their time.
        var deadlines: Deque<(id: UInt64, at: ContinuousClock.Instant)> = []
        var nextID: UInt64 = 1
        /// Sent and not confirmed.
        var unconfirmed = 0
        var connectedSince: ContinuousClock.Instant?
        var isStopping = false
        /// The thread was woken and has not looked yet.
        var isWoken = false
        var counters = AMQPPublisherStatistics()

        var statistics: AMQPPublisherStatistics {
            get {
                var copy = counters
                copy.pending = queue.count + unconfirmed
                return copy
            }
            set { counters = newValue }
        }

        func refusal(ofBody count: Int) -> AMQPError? {
            if count > AMQPConnection.maximumBody { return AMQPError(.tooLarge) }
            if connectedSince == nil || isStopping { return AMQPError(.connectionLost, "not connected") }
            return queue.count + unconfirmed >= AMQPPublisher.maximumPending ? AMQPError(.full) : nil
        }

        mutating func enqueue(
            _ exchange: String, _ routingKey: String, _ body: [UInt8], _ mandatory: Bool, _ persistent: Bool
        ) -> (id: UInt64, mustWake: Bool) {
            let id = nextID
            nextID += 1
            queue.append(
                OutgoingMessage(
                    id: id, exchange: exchange, routingKey: routingKey, body: body, isMandatory: mandatory,
                    isPersistent: persistent))
            defer { isWoken = true }
            return (id, !isWoken)
        }
    }

    let state = Mutex(State())
    let wakeup = Wakeup()

    /// Answers the caller that waits for this message, if one does.
    func finish(_ id: UInt64, _ result: Result<Void, AMQPError>) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
        waiter?(result)
    }
}
