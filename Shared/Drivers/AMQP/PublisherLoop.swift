import BlockingWork
import Logging
import Synchronization

/// The publisher's thread: connects, serves one session after the other, pauses between them.
actor PublisherLoop {
    private let thread: BlockingThread
    private let configuration: AMQPConfiguration
    private let shared: PublisherState
    private let logger: Logger

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(configuration: AMQPConfiguration, shared: PublisherState, logger: Logger) {
        self.thread = BlockingThread(name: "amqp-publish")
        self.configuration = configuration
        self.shared = shared
        self.logger = logger
    }

    deinit { thread.stop() }

    private var isStopping: Bool { shared.state.withLock { $0.isStopping } }

    /// Holds the thread until shutdown.
    func run() {
        var backoff = Backoff()
        var generator = SystemRandomNumberGenerator()
        var isFirstFailure = true
        while !isStopping {
            let started = ContinuousClock.now
            do throws(AMQPError) {
                let session = try PublisherSession(configuration, shared, logger)
                if !isFirstFailure { logger.notice("publisher connected again") }
                isFirstFailure = true
                defer { session.end() }
                try session.serve()
            } catch {
                // The first failure of a row is worth a line; its repetitions say nothing new.
                logger.log(level: isFirstFailure ? .warning : .debug, "publisher lost the broker: \(error)")
                isFirstFailure = false
            }
            backoff.connectionEnded(after: .now - started)
            pause(until: .now + backoff.next(using: &generator))
        }
        PublisherSession.dropEverything(shared)
    }

    /// Sleeps until then or until shutdown.
    private func pause(until end: ContinuousClock.Instant) {
        while !isStopping {
            let rest = end - ContinuousClock.now
            guard rest > .zero else { return }
            _ = shared.wakeup.wait(socket: -1, wantsWrite: false, for: rest)
        }
    }
}
