import DequeModule
import Logging
import Synchronization

/// One connection of the publisher, from the login to its end.
final class PublisherSession {
    /// Between two looks at whether the socket is still writable.
    private static let burstBytes = 64 * 1024
    /// How often an idle connection looks at its heartbeats.
    private static let tick: Duration = .seconds(4)
    private static let drainTime: Duration = .seconds(3)

    private let configuration: AMQPConfiguration
    private let shared: PublisherState
    private let logger: Logger
    private let connection: AMQPConnection
    private var ledger = ConfirmLedger()
    private var assembler = ContentAssembler()
    /// Since when there is something to send and the socket takes nothing.
    private var stalledSince: ContinuousClock.Instant?
    private var isBlocked = false
    /// Since when the broker takes messages.
    private var takesSince = ContinuousClock.now
    /// Shutdown has begun; the connection closes then at the latest.
    private var stopAt: ContinuousClock.Instant?

    init(_ configuration: AMQPConfiguration, _ shared: PublisherState, _ logger: Logger) throws(AMQPError) {
        self.configuration = configuration
        self.shared = shared
        self.logger = logger
        self.connection = try AMQPConnection(configuration)
        try connection.selectConfirms()
        shared.state.withLock {
            $0.connectedSince = .now
            // Whoever signalled to the session before this one may have found nobody.
            $0.isWoken = false
            $0.counters.connections += 1
        }
    }

    /// Returns after shutdown, throws when the connection is lost.
    func serve() throws(AMQPError) {
        var isWritable = true
        while true {
            if isWritable && !isBlocked { try sendBurst() }
            let (isEmpty, isStopping) = shared.state.withLock { state in
                state.unconfirmed = ledger.count
                return (state.queue.isEmpty, state.isStopping)
            }
            if isStopping {
                let end = stopAt ?? .now + Self.drainTime
                stopAt = end
                if isEmpty && ledger.isEmpty { return connection.close() }
                if ContinuousClock.now >= end { return }  // the broker does not answer; it would not answer a goodbye
            }
            let wantsWrite = !isEmpty && !isBlocked
            let ready = shared.wakeup.wait(socket: connection.socket, wantsWrite: wantsWrite, for: timeout())
            if ready.isWoken { shared.state.withLock { $0.isWoken = false } }
            isWritable = wantsWrite ? ready.isWritable : connection.isWritable
            try readFrames()
            try watch(wantsWrite: wantsWrite, isWritable: isWritable)
        }
    }

    /// Ends the session: what has no answer gets "connection lost".
    func end() {
        let open = ledger.abandon()
        shared.state.withLock {
            $0.unconfirmed = 0
            $0.counters.dropped += UInt64(open.count)
        }
        Self.dropEverything(shared)
    }

    static func dropEverything(_ shared: PublisherState) {
        let waiters = shared.state.withLock { state in
            state.connectedSince = nil
            state.counters.isBlocked = false
            state.counters.dropped += UInt64(state.queue.count)
            state.queue.removeAll()
            state.deadlines.removeAll()
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter(.failure(AMQPError(.connectionLost))) }
    }

    // MARK: - Out

    /// Sends what is queued, as long as the socket takes it.
    private func sendBurst() throws(AMQPError) {
        repeat {
            let batch = shared.state.withLock { state in
                var batch: [OutgoingMessage] = []
                var bytes = 0
                while bytes < Self.burstBytes, batch.count < 64, let message = state.queue.popFirst() {
                    bytes += message.body.count + 512
                    batch.append(message)
                }
                state.unconfirmed += batch.count
                state.counters.published += UInt64(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return }
            let now = ContinuousClock.now
            // All are in the ledger before one is sent, so that a failure loses count of none.
            for message in batch { ledger.published(id: message.id, at: now) }
            for message in batch { try connection.publish(message, appID: configuration.name) }
        } while connection.isWritable
    }

    // MARK: - In

    private func readFrames() throws(AMQPError) {
        while let frame = try connection.nextFrame() {
            switch frame {
            case .acknowledged(let tag, let multiple): answer(tag, multiple, positive: true)
            case .refused(let tag, let multiple): answer(tag, multiple, positive: false)
            case .returned(let code, let reason): try assembler.begin(.returned(code: code, reason: reason))
            case .header(let size, let messageID):
                if let message = try assembler.header(size: size, messageID: messageID) { cameBack(message) }
            case .body(let bytes): if let message = try assembler.body(bytes) { cameBack(message) }
            case .blocked(let reason): setBlocked(true, reason)
            case .unblocked: setBlocked(false, "")
            case .channelClosed(let code, let reason), .connectionClosed(let code, let reason):
                throw AMQPError(.refused(code), reason)
            case .delivery, .consumerCancelled, .other: break  // not ours to ask for, harmless
            }
        }
    }

    private func answer(_ tag: UInt64, _ multiple: Bool, positive: Bool) {
        var outcomes: [(UInt64, ConfirmLedger.Outcome)] = []
        ledger.answered(tag: tag, multiple: multiple, positive: positive) { outcomes.append(($0, $1)) }
        var answers: [(AMQPPublisher.Settled, ConfirmLedger.Outcome)] = []
        shared.state.withLock { state in
            for (id, outcome) in outcomes {
                switch outcome {
                case .confirmed: state.counters.confirmed += 1
                case .nacked: state.counters.nacked += 1
                case .returned: state.counters.returned += 1
                }
                if let waiter = state.waiters.removeValue(forKey: id) { answers.append((waiter, outcome)) }
            }
            state.unconfirmed = ledger.count
        }
        for (waiter, outcome) in answers {
            switch outcome {
            case .confirmed: waiter(.success(()))
            case .nacked: waiter(.failure(AMQPError(.nacked)))
            case .returned: waiter(.failure(AMQPError(.returned)))
            }
        }
    }

    private func cameBack(_ message: ContentAssembler.Message) {
        if let id = UInt64(message.messageID) { ledger.returned(id: id) }
    }

    private func setBlocked(_ blocked: Bool, _ reason: String) {
        isBlocked = blocked
        stalledSince = nil
        if !blocked { takesSince = .now }
        shared.state.withLock { $0.counters.isBlocked = blocked }
        if blocked {
            logger.warning("the broker has an alarm and takes no messages: \(reason)")
        } else {
            logger.notice("the broker takes messages again")
        }
    }

    // MARK: - Time

    /// When the longest unconfirmed message has waited too long; no confirm is late while the broker has an alarm.
    private var confirmDue: ContinuousClock.Instant? {
        guard !isBlocked, let oldest = ledger.oldest else { return nil }
        return max(oldest, takesSince) + configuration.confirmTimeout
    }

    private func timeout() -> Duration {
        let answerDue = shared.state.withLock { state in
            while let first = state.deadlines.first, state.waiters[first.id] == nil { state.deadlines.removeFirst() }
            return state.deadlines.first?.at
        }
        let stalled = stalledSince.map { $0 + configuration.sendTimeout }
        let next = [answerDue, stalled, confirmDue, stopAt].compactMap { $0 }.min()
        return next.map { min(Self.tick, max($0 - .now, .milliseconds(1))) } ?? Self.tick
    }

    /// Gives the connection up when the broker takes or confirms nothing any more, and the waiting callers their
    /// answer.
    private func watch(wantsWrite: Bool, isWritable: Bool) throws(AMQPError) {
        let now = ContinuousClock.now
        if wantsWrite && !isWritable && !isBlocked {
            let since = stalledSince ?? now
            stalledSince = since
            if now - since >= configuration.sendTimeout { throw AMQPError(.timedOut, "the broker takes no bytes") }
        } else {
            stalledSince = nil
        }
        if let confirmDue, now >= confirmDue { throw AMQPError(.timedOut, "no confirm") }
        let late = shared.state.withLock { state in
            var late: [AMQPPublisher.Settled] = []
            while let first = state.deadlines.first, first.at <= now {
                state.deadlines.removeFirst()
                if let waiter = state.waiters.removeValue(forKey: first.id) { late.append(waiter) }
            }
            return late
        }
        for waiter in late { waiter(.failure(AMQPError(.timedOut))) }
    }
}
