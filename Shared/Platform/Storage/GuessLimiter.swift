import Synchronization

/// Allows so many failures a minute for each key; a bucket fills again with time. Guessers are slowed down, nobody is
/// locked out: keys are addresses of clients, never accounts alone.
package final class GuessLimiter: Sendable {
    private struct Bucket {
        var left: Double
        var at: ContinuousClock.Instant
    }

    private static let capacity = 20_000
    private let perMinute: Double
    private let burst: Double
    private let buckets = Mutex<[String: Bucket]>([:])

    /// `perMinute` 0 means no limit.
    package init(perMinute: Int, burst: Int? = nil) {
        self.perMinute = Double(perMinute)
        self.burst = Double(burst ?? perMinute)
    }

    /// Takes one failure in advance; false when none is left. A guess that turns out right is given back.
    package func take(_ key: String, at now: ContinuousClock.Instant = .now) -> Bool {
        guard perMinute > 0 else { return true }
        return buckets.withLock { buckets in
            if buckets.count >= Self.capacity { prune(&buckets, now) }
            var bucket = refilled(buckets[key], now)
            defer { buckets[key] = bucket }
            guard bucket.left >= 1 else { return false }
            bucket.left -= 1
            return true
        }
    }

    package func giveBack(_ key: String) {
        guard perMinute > 0 else { return }
        buckets.withLock { buckets in
            guard var bucket = buckets[key] else { return }
            bucket.left = min(burst, bucket.left + 1)
            buckets[key] = bucket
        }
    }

    package func isExhausted(_ key: String, at now: ContinuousClock.Instant = .now) -> Bool {
        guard perMinute > 0 else { return false }
        return buckets.withLock { refilled($0[key], now).left < 1 }
    }

    private func refilled(_ bucket: Bucket?, _ now: ContinuousClock.Instant) -> Bucket {
        guard let bucket else { return Bucket(left: burst, at: now) }
        let minutes = (now - bucket.at) / .seconds(60)
        return Bucket(left: min(burst, bucket.left + minutes * perMinute), at: now)
    }

    private func prune(_ buckets: inout [String: Bucket], _ now: ContinuousClock.Instant) {
        buckets = buckets.filter { refilled($0.value, now).left < burst }
        // More active guessers than this cannot be told apart any more.
        if buckets.count >= Self.capacity { buckets.removeAll() }
    }
}
