import AMQP
import Testing

/// Always the same number, so that there is no jitter: the highest.
private struct Highest: RandomNumberGenerator {
    mutating func next() -> UInt64 { .max }
}

@Suite struct BackoffTests {
    private func pauses(_ count: Int, _ backoff: inout Backoff) -> [Int64] {
        var generator = Highest()
        return (0..<count).map { _ in
            let parts = backoff.next(using: &generator).components
            return parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000
        }
    }

    @Test func `pauses double up to 5 s`() {
        var backoff = Backoff()
        let pauses = pauses(9, &backoff)
        for (pause, expected) in zip(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]) {
            #expect((Int64(expected) - 1...Int64(expected)).contains(pause))
        }
    }

    @Test func `a connection that held begins anew, one that ended at once does not`() {
        var backoff = Backoff()
        _ = pauses(5, &backoff)
        backoff.connectionEnded(after: .seconds(1))
        #expect(pauses(1, &backoff)[0] > 3000)
        backoff.connectionEnded(after: Backoff.stable)
        #expect(pauses(1, &backoff)[0] <= 100)
    }

    @Test func `jitter takes up to half away`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            var backoff = Backoff()
            let pause = backoff.next(using: &generator)
            #expect(pause >= .milliseconds(50) && pause <= .milliseconds(100))
        }
    }
}
