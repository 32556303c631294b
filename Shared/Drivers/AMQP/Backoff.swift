/// The pause before the next attempt to connect: doubles from 0.1 to 5 s, with jitter so that daemons do not come
/// back in step.
package struct Backoff {
    package static let first = 0.1
    package static let longest = 5.0
    /// A connection that held this long was a good one.
    package static let stable: Duration = .seconds(10)

    private var failures = 0

    package init() {}

    package mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        var seconds = Self.first
        for _ in 0..<min(failures, 10) { seconds = min(seconds * 2, Self.longest) }
        failures += 1
        return .milliseconds(Int64(seconds * Double.random(in: 500...1000, using: &generator)))
    }

    package mutating func connectionEnded(after lifetime: Duration) {
        if lifetime >= Self.stable { failures = 0 }
    }
}
