import BlockingWork

/// Looks at queues and declares the topology, on a connection of its own that is made at the first call and after a
/// loss.
///
/// It has no heartbeats, because nobody serves them between calls; a dead peer shows as a timeout of the next call.
package actor AMQPAdmin {
    private let thread = BlockingThread(name: "amqp-admin")
    private let configuration: AMQPConfiguration
    private var connection: AMQPConnection?

    nonisolated package var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    package init(configuration: AMQPConfiguration) { self.configuration = configuration }

    deinit { thread.stop() }

    /// What waits in a queue and who reads it; `nil` when there is no such queue. Needs no permission on the queue.
    package func depth(ofQueue name: String) throws(AMQPError) -> AMQPQueueDepth? {
        do throws(AMQPError) {
            return try call { connection throws(AMQPError) in try connection.declareQueue(name, passive: true) }
        } catch {
            if error.code == .refused(404) { return nil }
            throw error
        }
    }

    package func exchangeExists(_ name: String) throws(AMQPError) -> Bool {
        do throws(AMQPError) {
            try call { connection throws(AMQPError) in try connection.declareExchange(name, kind: "", passive: true) }
            return true
        } catch {
            if error.code == .refused(404) { return false }
            throw error
        }
    }

    /// A durable exchange; throws `.refused(406)` when there is one of another kind.
    package func declareExchange(_ name: String, kind: String) throws(AMQPError) {
        try call { connection throws(AMQPError) in try connection.declareExchange(name, kind: kind) }
    }

    /// A durable queue; throws `.refused(406)` when there is one with other arguments.
    package func declareQueue(_ name: String, arguments: [(key: String, value: AMQPArgument)]) throws(AMQPError) {
        _ = try call { connection throws(AMQPError) in try connection.declareQueue(name, arguments: arguments) }
    }

    package func bind(queue: String, exchange: String, routingKey: String) throws(AMQPError) {
        try call { connection throws(AMQPError) in
            try connection.bind(queue: queue, exchange: exchange, routingKey: routingKey)
        }
    }

    package func deleteQueue(_ name: String) throws(AMQPError) {
        try call { connection throws(AMQPError) in try connection.deleteQueue(name) }
    }

    /// Why the broker takes no messages just now; `nil` when it does. It tells only who publishes, so this publishes a
    /// message that may go nowhere, on a connection of its own: what an alarm has blocked is good for nothing more.
    package func alarm(publishing body: [UInt8], to exchange: String, routingKey: String) throws(AMQPError) -> String? {
        let asking = try AMQPConnection(configuration, heartbeatSeconds: 0)
        try asking.selectConfirms()
        try asking.publish(
            OutgoingMessage(
                id: 0, exchange: exchange, routingKey: routingKey, body: body, isMandatory: false, isPersistent: false),
            appID: "")
        let wakeup = Wakeup()
        var patience = Duration.seconds(2)
        while patience > .zero {
            let started = ContinuousClock.now
            // The confirm of this message may come before the notice.
            while let frame = try asking.nextFrame() {
                if case .blocked(let reason) = frame { return reason }
                if case .acknowledged = frame { patience = min(patience, .milliseconds(200)) }
            }
            _ = wakeup.wait(socket: asking.socket, wantsWrite: false, for: patience)
            patience -= ContinuousClock.now - started
        }
        asking.close()
        return nil
    }

    package func close() {
        connection?.close()
        connection = nil
    }

    private func open() throws(AMQPError) -> AMQPConnection {
        if let connection { return connection }
        return try AMQPConnection(configuration, heartbeatSeconds: 0)
    }

    /// An error of the broker closes the channel, so the connection is given up with it.
    private func call<Result>(
        _ body: (AMQPConnection) throws(AMQPError) -> Result
    ) throws(AMQPError) -> Result {
        let isFresh = connection == nil
        let used = try open()
        connection = used
        do throws(AMQPError) {
            return try body(used)
        } catch {
            connection = nil
            // An old connection may have died while nobody looked; once is enough to know.
            guard !isFresh, error.code == .connectionLost else { throw error }
            return try call(body)
        }
    }
}
