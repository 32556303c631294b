/// Asks one question at a time. The answer is kept for a while and given to all who ask meanwhile, so that many who ask
/// cost no more than one.
package actor SharedAnswer<Value: Sendable> {
    private let lifetime: Duration
    private let ask: @Sendable () async -> Value
    private var last: (value: Value, at: ContinuousClock.Instant)?
    private var running: Task<Value, Never>?

    package init(for lifetime: Duration, _ ask: @escaping @Sendable () async -> Value) {
        self.lifetime = lifetime
        self.ask = ask
    }

    package func value() async -> Value {
        if let last, ContinuousClock.now - last.at < lifetime { return last.value }
        if let running { return await running.value }
        let task = Task { await ask() }
        running = task
        let value = await task.value
        last = (value, .now)
        running = nil
        return value
    }
}
