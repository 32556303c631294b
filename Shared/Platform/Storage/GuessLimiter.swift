import Synchronization

/// Allows so many failures a minute for each key; a bucket fills again with time. Guessers are slowed down, nobody is
/// locked out: keys are addresses of clients, never accounts alone.
package final class GuessLimiter: Sendable {
    fileprivate struct Bucket {
        var left: Double
        var at: ContinuousClock.Instant
    }

    private static let capacity = 20_000

    fileprivate struct State {
        var perMinute: Double
        var burst: Double
        var buckets: [String: Bucket] = [:]
    }

    private let state: Mutex<State>

    /// `perMinute` 0 means no limit.
    package init(perMinute: Int, burst: Int? = nil) {
        self.state = Mutex(State(perMinute: Double(perMinute), burst: Double(burst ?? perMinute)))
    }

    /// Another rate from now on.
    package func update(perMinute: Int, burst: Int? = nil) {
        state.withLock {
            $0.perMinute = Double(perMinute)
            $0.burst = Double(burst ?? perMinute)
        }
    }

    /// Takes one failure in advance; false when none is left. A guess that turns out right is given back.
    package func take(_ key: String, at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { state in
            guard state.perMinute > 0 else { return true }
            if state.buckets.count >= Self.capacity { state.prune(now, capacity: Self.capacity) }
            var bucket = state.refilled(key, now)
            defer { state.buckets[key] = bucket }
            guard bucket.left >= 1 else { return false }
            bucket.left -= 1
            return true
        }
    }

    package func giveBack(_ key: String) {
        state.withLock { state in
            guard state.perMinute > 0, var bucket = state.buckets[key] else { return }
            bucket.left = min(state.burst, bucket.left + 1)
            state.buckets[key] = bucket
        }
    }

    package func isExhausted(_ key: String, at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { $0.perMinute > 0 && $0.refilled(key, now).left < 1 }
    }
}

extension GuessLimiter.State {
    fileprivate func refilled(_ key: String, _ now: ContinuousClock.Instant) -> GuessLimiter.Bucket {
        guard let bucket = buckets[key] else { return GuessLimiter.Bucket(left: burst, at: now) }
        return refilled(bucket, now)
    }

    private func refilled(_ bucket: GuessLimiter.Bucket, _ now: ContinuousClock.Instant) -> GuessLimiter.Bucket {
        let minutes = (now - bucket.at) / .seconds(60)
        return GuessLimiter.Bucket(left: min(burst, bucket.left + minutes * perMinute), at: now)
    }

    fileprivate mutating func prune(_ now: ContinuousClock.Instant, capacity: Int) {
        buckets = buckets.filter { refilled($0.value, now).left < burst }
        // More active guessers than this cannot be told apart any more.
        if buckets.count >= capacity { buckets.removeAll() }
    }
}
