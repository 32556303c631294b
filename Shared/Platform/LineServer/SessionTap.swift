import Synchronization

/// Where session events go. Nobody watching costs one atomic load per event; the ring of summaries is always on.
package enum SessionTap {
    /// Summaries kept per process.
    package static let ringSize = 256

    private static let watched = Atomic<Bool>(false)
    private static let state = Mutex(State())

    private struct State {
        var ring: [SessionSummary] = []
        var next = 0
        var sink: (@Sendable (String, SessionEvent) -> Void)?
    }

    package static var isWatched: Bool { watched.load(ordering: .relaxed) }

    /// The one consumer of full events; `nil` turns them off. It must not block.
    package static func setSink(_ sink: (@Sendable (_ session: String, SessionEvent) -> Void)?) {
        state.withLock { $0.sink = sink }
        watched.store(sink != nil, ordering: .relaxed)
    }

    static func emit(_ session: String, _ event: SessionEvent) {
        state.withLock { $0.sink }?(session, event)
    }

    static func remember(_ summary: SessionSummary) {
        state.withLock { state in
            if state.ring.count < ringSize {
                state.ring.append(summary)
            } else {
                state.ring[state.next] = summary
                state.next = (state.next + 1) % ringSize
            }
        }
    }

    /// The last sessions, oldest first.
    package static func lastSessions() -> [SessionSummary] {
        state.withLock { Array($0.ring[$0.next...] + $0.ring[..<$0.next]) }
    }
}
