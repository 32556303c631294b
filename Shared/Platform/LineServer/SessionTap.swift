import Synchronization

/// Where session events go. Nobody watching costs one atomic load per event; the ring of summaries is always on.
package enum SessionTap {
    /// Summaries kept per process.
    package static let ringSize = 256

    /// Takes an event of a session; `facts` says what is known of the session so far, to be asked at once or not at all.
    package typealias Sink = @Sendable (_ session: String, SessionEvent, _ facts: () -> SessionSummary) -> Void

    private static let watched = Atomic<Bool>(false)
    private static let state = Mutex(State())

    private struct State {
        var ring: [SessionSummary] = []
        var next = 0
        var sink: Sink?
    }

    package static var isWatched: Bool { watched.load(ordering: .relaxed) }

    /// The one consumer of full events; `nil` turns them off. It must not block.
    package static func setSink(_ sink: Sink?) {
        state.withLock { $0.sink = sink }
        watched.store(sink != nil, ordering: .relaxed)
    }

    /// For whoever has sessions; to be called only while `isWatched`, so that an event costs nothing otherwise.
    package static func emit(_ session: String, _ event: SessionEvent, _ facts: () -> SessionSummary) {
        state.withLock { $0.sink }?(session, event, facts)
    }

    package static func remember(_ summary: SessionSummary) {
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
