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
