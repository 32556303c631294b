import BlockingWork
package import Logging
import ServiceLifecycle
import Synchronization

/// Consumes one queue on a connection and thread of its own; reconnects by itself.
package final class AMQPConsumer: Service, Sendable {
    package enum Source: Sendable, Hashable {
        /// A queue that somebody declared. While it is missing we try again, with back-off.
        case queue(String)
        /// A queue of our own, `<prefix>.<random>`, that ends with the connection: declared and bound at each connect.
        /// It forgets its oldest messages when more than `AMQPConsumer.exclusiveLimit` wait.
        case exclusive(prefix: String, exchange: String, routingKeys: [String])
    }

    package static let exclusiveLimit: Int64 = 50_000

    private let configuration: AMQPConfiguration
    private let source: Source
    private let prefetch: UInt16
    private let onConnect: (@Sendable () -> Void)?
    private let logger: Logger
    private let inbox = ConsumerInbox()

    /// - Parameters:
    ///   - prefetch: how many deliveries may be without acknowledgement; also the bound of what waits in memory.
    ///   - onConnect: called on the consumer's thread after each connect, once messages flow: what was published in
    ///     between to an exclusive queue is lost, so look again. Must not block.
    package init(
        configuration: AMQPConfiguration, source: Source, prefetch: UInt16, logger: Logger,
        onConnect: (@Sendable () -> Void)? = nil
    ) {
        self.configuration = configuration
        self.source = source
        self.prefetch = prefetch
        self.logger = logger
        self.onConnect = onConnect
    }

    package var isConnected: Bool { inbox.state.withLock { $0.isConnected } }

    /// What has arrived, at least one delivery at a time; ends at shutdown. For one reader.
    package var batches: Batches { Batches(inbox: inbox) }

    /// Acknowledges this delivery and all before it on the same connection. Never blocks.
    package func acknowledge(upTo delivery: AMQPDelivery) {
        inbox.command(.acknowledge(tag: delivery.tag), generation: delivery.generation)
    }

    /// Serves until shutdown. What has no acknowledgement by then goes back to the queue.
    package func run() async throws {
        let loop = ConsumerLoop(
            configuration: configuration, source: source, prefetch: prefetch, inbox: inbox, logger: logger,
            onConnect: onConnect)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await loop.run()
            } onGracefulShutdown: {
                self.inbox.stop()
            }
        } onCancel: {
            inbox.stop()
        }
    }

    package struct Batches: AsyncSequence, Sendable {
        package typealias Element = [AMQPDelivery]
        package typealias Failure = Never
        fileprivate let inbox: ConsumerInbox

        package func makeAsyncIterator() -> Iterator { Iterator(inbox: inbox) }

        package struct Iterator: AsyncIteratorProtocol {
            fileprivate let inbox: ConsumerInbox

            package mutating func next() async -> [AMQPDelivery]? { await inbox.next() }

            package mutating func next(isolation actor: isolated (any Actor)?) async -> [AMQPDelivery]? {
                await inbox.next()
            }
        }
    }
}

/// What the reader and the consumer's thread share.
final class ConsumerInbox: Sendable {
    enum Command: Equatable {
        case acknowledge(tag: UInt64)
    }

    struct State {
        var arrived: [AMQPDelivery] = []
        var reader: CheckedContinuation<[AMQPDelivery]?, Never>?
        var commands: [Command] = []
        var generation: UInt64 = 0
        var isConnected = false
        var isStopping = false
        var isFinished = false
        /// The reader holds a batch and has not come back for the next.
        var isReaderBusy = false
    }

    let state = Mutex(State())
    let wakeup = Wakeup()

    func stop() {
        state.withLock { $0.isStopping = true }
        wakeup.signal()
    }

    func command(_ command: Command, generation: UInt64) {
        let mustWake = state.withLock { state in
            guard generation == state.generation, state.isConnected else { return false }
            // A later acknowledgement covers an earlier one that has not been sent.
            if case .acknowledge = command, case .acknowledge? = state.commands.last { state.commands.removeLast() }
            state.commands.append(command)
            return state.commands.count == 1
        }
        if mustWake { wakeup.signal() }
    }

    func deliver(_ deliveries: [AMQPDelivery]) {
        let reader = state.withLock { state in
            guard let reader = state.reader else {
                state.arrived.append(contentsOf: deliveries)
                return nil as CheckedContinuation<[AMQPDelivery]?, Never>?
            }
            state.reader = nil
            state.isReaderBusy = true
            return reader
        }
        reader?.resume(returning: deliveries)
    }

    /// Whether the reader has nothing in hand that it could still acknowledge.
    var isIdle: Bool { state.withLock { !$0.isReaderBusy && $0.commands.isEmpty } }

    /// Nothing more will come.
    func finish() {
        let reader = state.withLock { state in
            state.isFinished = true
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }

    func next() async -> [AMQPDelivery]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<[AMQPDelivery]?, Never>) in
                let ready: [AMQPDelivery]?? = state.withLock { state in
                    state.isReaderBusy = false
                    if Task.isCancelled { return .some(nil) }
                    // After the shutdown nobody could acknowledge: what waits goes back to the queue.
                    if state.isFinished { return .some(nil) }
                    guard state.arrived.isEmpty else {
                        defer { state.arrived = [] }
                        state.isReaderBusy = true
                        return state.arrived
                    }
                    state.reader = continuation
                    return nil
                }
                if let ready {
                    if ready == nil { wakeup.signal() }  // the thread may wait for the last acknowledgement
                    continuation.resume(returning: ready)
                }
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(returning: nil)
        }
    }
}
