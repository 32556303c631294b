import Synchronization

/// Where session events go. Nobody watching costs one atomic load per event; the ring of summaries is always on.
package enum SessionTap {
    /// Summaries kept per process.
    package static let ringSize = 256

    /// Takes an event of a session; `facts` says what is known of the session so far, to be asked at once or not at all.
    package typealias Sink = @Sendable (_ session: String, SessionEvent, _ facts: () -> SessionSummary) -> Void

    /// Whether what passes in a session would be told now. On a busy server it mostly would not, so it is asked before an
    /// event is made; what is not made is the gate's to count.
    package typealias Gate = @Sendable (_ session: String) -> Bool

    private static let watched = Atomic<Bool>(false)
    private static let state = Mutex(State())

    private struct State {
        var ring: [SessionSummary] = []
        var next = 0
        var sink: Sink?
        var gate: Gate?
    }

    package static var isWatched: Bool { watched.load(ordering: .relaxed) }

    /// The one consumer of full events; `nil` turns them off. It must not block.
    package static func setSink(_ sink: Sink?, gate: Gate? = nil) {
        state.withLock { state in
            state.sink = sink
            state.gate = gate
        }
        watched.store(sink != nil, ordering: .relaxed)
    }

    /// For whoever has sessions; to be called only while `isWatched`, so that an event costs nothing otherwise.
    package static func emit(_ session: String, _ event: SessionEvent, _ facts: () -> SessionSummary) {
        state.withLock { $0.sink }?(session, event, facts)
    }

    /// The same for a line, a reply or a state: one of many, that is left out when there is no room for it.
    package static func emit(passing event: () -> SessionEvent, in session: String, _ facts: () -> SessionSummary) {
        let (sink, gate) = state.withLock { ($0.sink, $0.gate) }
        guard let sink, gate?(session) ?? true else { return }
        sink(session, event(), facts)
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
