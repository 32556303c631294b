package import AMQP
package import PostgreSQL
package import QueueContracts
package import Storage

/// What the observatory asks of the world; closures, so that tests need no servers.
package struct Sources: Sendable {
    /// Whether PostgreSQL answers.
    package var postgres: @Sendable () async -> Bool
    /// The depth of each queue; `nil` while the broker does not answer. A missing queue is left out.
    package var queues: @Sendable () async -> [QueueDepth]?
    /// `nil` while PostgreSQL does not answer.
    package var stages: @Sendable () async -> [WorkStore.StageCount]?
    /// Why the broker takes no messages; `nil` when it does, or when that cannot be known.
    package var alarm: @Sendable () async -> String? = { nil }

    package init(
        postgres: @escaping @Sendable () async -> Bool, queues: @escaping @Sendable () async -> [QueueDepth]?,
        stages: @escaping @Sendable () async -> [WorkStore.StageCount]?
    ) {
        self.postgres = postgres
        self.queues = queues
        self.stages = stages
    }

    /// The real ones. None takes longer than 3 seconds. `/metrics` needs no login and counting all work is dear, so
    /// one count is under way at a time, however many ask and however long it takes.
    package static func live(pool: PostgresPool, admin: AMQPAdmin, queueType: QueueType) -> Sources {
        // An error means the same as silence to whoever watches.
        let queues = SharedAnswer(for: .seconds(1)) { try? await depths(admin, queueType) }
        let stages = SharedAnswer(for: .seconds(2)) { try? await WorkStore(pool: pool).counts() }
        // A request to tell nothing to nobody: what watchd may publish, and what nobody minds.
        let nothing = WatchRequest(watcher: "alarm", seconds: 0, everything: false, accounts: []).encoded()
        let alarm = SharedAnswer<String?>(for: .seconds(5)) {
            try? await admin.alarm(
                publishing: nothing, to: Exchange.watch.rawValue, routingKey: RoutingKey.watchRequested)
        }
        var sources = Sources(
            postgres: { await Ping(pool: pool).answers(within: .seconds(3)) },
            queues: { await within(.seconds(3)) { await queues.value() } ?? nil },
            stages: { await within(.seconds(3)) { await stages.value() } ?? nil })
        sources.alarm = { await within(.seconds(3)) { await alarm.value() } ?? nil }
        return sources
    }

    /// An alarm silences the daemons' reports, so it is asked for only when one is missing.
    func alarm(heardFrom board: ReportBoard) async -> String? {
        guard HealthInspector.needed.contains(where: { board.reasonNotReady($0) != nil }) else { return nil }
        return await alarm()
    }

    private static func depths(_ admin: AMQPAdmin, _ queueType: QueueType) async throws -> [QueueDepth] {
        var depths: [QueueDepth] = []
        for queue in Queue.allCases {
            let name = queueType.name(of: queue)
            guard let depth = try await admin.depth(ofQueue: name) else { continue }
            depths.append(QueueDepth(queue: queue.rawValue, messages: depth.messages, consumers: depth.consumers))
        }
        return depths
    }
}

/// The work's value if it comes in time without an error; what comes late is dropped.
func within<Value: Sendable>(_ limit: Duration, _ work: @escaping @Sendable () async throws -> Value) async -> Value? {
    let (values, continuation) = AsyncStream<Value?>.makeStream(bufferingPolicy: .bufferingOldest(1))
    // An error means the same as silence to whoever watches: it does not answer.
    let worker = Task { continuation.yield(try? await work()) }
    let clock = Task {
        try? await Task.sleep(for: limit)
        continuation.yield(nil)
    }
    defer {
        worker.cancel()
        clock.cancel()
    }
    for await value in values { return value }
    return nil
}
