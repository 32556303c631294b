import ServiceLifecycle

/// Waits longer each time, 0.1 to 5 s, with jitter; ends early at shutdown.
package struct RetryPause: Sendable {
    package static let first: Duration = .milliseconds(100)
    package static let longest: Duration = .seconds(5)

    private var next: Duration
    private let limit: Duration

    package init(first: Duration = Self.first, longest: Duration = Self.longest) {
        self.next = first
        self.limit = longest
    }

    /// - Returns: `false` at shutdown.
    mutating func wait() async -> Bool {
        let length = next * Double.random(in: 0.5...1)
        next = min(next * 2, limit)
        return await sleepUnlessShutdown(for: length)
    }
}

/// - Returns: `false` when shutdown (or cancellation) has come.
func sleepUnlessShutdown(for length: Duration) async -> Bool {
    await cancelWhenGracefulShutdown {
        // Cancellation is the only error, and what the return value says.
        try? await Task.sleep(for: length)
        return !Task.isCancelled
    }
}
