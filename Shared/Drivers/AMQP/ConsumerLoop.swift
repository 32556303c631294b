import BlockingWork
import Logging
import Synchronization

/// The consumer's thread: connects, subscribes, collects what arrives, sends acknowledgements.
actor ConsumerLoop {
    /// How often an idle connection looks at its heartbeats.
    private static let tick: Duration = .seconds(4)
    /// How long the last acknowledgements may come in after shutdown has begun.
    private static let lastWords: Duration = .seconds(5)

    /// So many deliveries are handed on before more are read.
    private static let burst = 1_000

    private let thread = BlockingThread(name: "amqp-consume")
    private let configuration: AMQPConfiguration
    private let source: AMQPConsumer.Source
    private let prefetch: UInt16
    private let inbox: ConsumerInbox
    private let logger: Logger
    private let onConnect: (@Sendable () -> Void)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(
        configuration: AMQPConfiguration, source: AMQPConsumer.Source, prefetch: UInt16, inbox: ConsumerInbox,
        logger: Logger, onConnect: (@Sendable () -> Void)?
    ) {
        self.configuration = configuration
        self.source = source
        self.prefetch = prefetch
        self.inbox = inbox
        self.logger = logger
        self.onConnect = onConnect
    }

    deinit { thread.stop() }

    private var isStopping: Bool { inbox.state.withLock { $0.isStopping } }

    /// Holds the thread until shutdown.
    func run() {
        var backoff = Backoff()
        var generator = SystemRandomNumberGenerator()
        var isFirstFailure = true
        while !isStopping {
            let started = ContinuousClock.now
            do throws(AMQPError) {
                let connection = try AMQPConnection(configuration)
                try subscribe(connection)
                if !isFirstFailure { logger.notice("consumer connected again") }
                isFirstFailure = true
                let generation = beginGeneration()
                defer { endGeneration() }
                onConnect?()
                try serve(connection, generation)
            } catch {
                // The first failure of a row is worth a line; its repetitions say nothing new.
                logger.log(level: isFirstFailure ? .warning : .debug, "consumer lost the broker: \(error)")
                isFirstFailure = false
            }
            backoff.connectionEnded(after: .now - started)
            pause(until: .now + backoff.next(using: &generator))
        }
        inbox.finish()
    }

    private func subscribe(_ connection: AMQPConnection) throws(AMQPError) {
        try connection.limitUnacknowledged(to: prefetch)
        switch source {
        case .queue(let name): try connection.consume(queue: name, exclusive: false)
        case .exclusive(let prefix, let exchange, let routingKeys):
            let name = "\(prefix).\(String(UInt64.random(in: .min ... .max), radix: 36))"
            try connection.declareQueue(
                name, durable: false, exclusive: true, autoDelete: true,
                arguments: [
                    ("x-max-length", .integer(AMQPConsumer.exclusiveLimit)), ("x-overflow", .text("drop-head")),
                ])
            for key in routingKeys { try connection.bind(queue: name, exchange: exchange, routingKey: key) }
            try connection.consume(queue: name, exclusive: true)
        }
    }

    private func beginGeneration() -> UInt64 {
        inbox.state.withLock { state in
            state.generation += 1
            state.isConnected = true
            state.commands = []
            return state.generation
        }
    }

    /// What the reader has not taken would only be processed twice; the broker gives it out again.
    private func endGeneration() {
        inbox.state.withLock { state in
            state.isConnected = false
            state.commands = []
            state.arrived = []
        }
    }

    /// Returns after shutdown, throws when the connection is lost.
    private func serve(_ connection: AMQPConnection, _ generation: UInt64) throws(AMQPError) {
        var assembler = ContentAssembler()
        var stopAt: ContinuousClock.Instant?
        while true {
            let (deliveries, hasMore) = try readFrames(connection, &assembler, generation)
            if stopAt == nil, !deliveries.isEmpty { inbox.deliver(deliveries) }
            try sendCommands(connection)
            if isStopping {
                // The reader gets no more, finishes what it has and acknowledges it; then it is gone or the time is
                // over.
                let end = stopAt ?? .now + Self.lastWords
                if stopAt == nil { inbox.finish() }
                stopAt = end
                if ContinuousClock.now >= end || inbox.isIdle { return connection.close() }
            }
            let timeout = hasMore ? .zero : stopAt.map { max($0 - .now, .milliseconds(1)) } ?? Self.tick
            _ = inbox.wakeup.wait(socket: connection.socket, wantsWrite: false, for: timeout)
        }
    }

    private func readFrames(
        _ connection: AMQPConnection, _ assembler: inout ContentAssembler, _ generation: UInt64
    ) throws(AMQPError) -> (deliveries: [AMQPDelivery], hasMore: Bool) {
        var deliveries: [AMQPDelivery] = []
        func take(_ message: ContentAssembler.Message?) {
            guard let message, case .delivery(let tag, let redelivered, let exchange, let routingKey) = message.start
            else { return }
            deliveries.append(
                AMQPDelivery(
                    tag: tag, generation: generation, redelivered: redelivered, exchange: exchange,
                    routingKey: routingKey,
                    body: message.body, isTruncated: message.isTruncated))
        }
        // The library may hold further frames that `poll` does not see: only `nil` means that all is read.
        while let frame = try connection.nextFrame() {
            switch frame {
            case .delivery(let tag, let redelivered, let exchange, let routingKey):
                try assembler.begin(
                    .delivery(tag: tag, redelivered: redelivered, exchange: exchange, routingKey: routingKey))
            case .header(let size, let messageID): take(try assembler.header(size: size, messageID: messageID))
            case .body(let bytes): take(try assembler.body(bytes))
            case .consumerCancelled: throw AMQPError(.connectionLost, "the broker ended the consumer")
            case .channelClosed(let code, let reason), .connectionClosed(let code, let reason):
                throw AMQPError(.refused(code), reason)
            case .acknowledged, .refused, .returned, .blocked, .unblocked, .other: break
            }
            if deliveries.count >= Self.burst { return (deliveries, true) }
        }
        return (deliveries, false)
    }

    private func sendCommands(_ connection: AMQPConnection) throws(AMQPError) {
        let commands = inbox.state.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
        for command in commands {
            switch command {
            case .acknowledge(let tag): try connection.acknowledge(upTo: tag)
            }
        }
    }

    /// Sleeps until then or until shutdown.
    private func pause(until end: ContinuousClock.Instant) {
        while !isStopping {
            let rest = end - ContinuousClock.now
            guard rest > .zero else { return }
            _ = inbox.wakeup.wait(socket: -1, wantsWrite: false, for: rest)
        }
    }
}
