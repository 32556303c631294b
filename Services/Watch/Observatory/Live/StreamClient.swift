import DequeModule
package import MailCore
package import NIOCore
import Synchronization

/// Why a stream ends.
package enum StreamEnd: String, Sendable { case expired, revoked, shutdown }

/// One open stream: what waits to be sent to it, and never more than a little.
///
/// State (overview, mails, parked) replaces what waits under the same key; what merely happened (sessions, lines) is
/// left out and counted when the client is too slow for it.
package final class StreamClient: Sendable {
    static let maximumWaiting = 512
    static let maximumBytes = 256 * 1024
    /// Mails and the like under different keys.
    static let maximumStates = 260
    /// Sent in one write.
    private static let chunkBytes = 64 * 1024

    let viewer: Viewer
    /// Asked for again while the stream is open.
    let token: String
    let expiresAt: Timestamp
    private let made = ContinuousClock.now
    private let state = Mutex(State())
    private let news: AsyncStream<Void>
    private let newsArrived: AsyncStream<Void>.Continuation
    /// Ends the connection of a client that takes nothing.
    private let abort: @Sendable () -> Void

    private struct State {
        var states: [String: String] = [:]
        var stateOrder: Deque<String> = []
        var log: Deque<String> = []
        var logBytes = 0
        var droppedLines = 0
        var droppedSessions = 0
        var isBeating = false
        var end: StreamEnd?
        var endedAt: ContinuousClock.Instant?
        var isOver = false
        var hasBegun = false
        /// A write that has not been taken yet began then.
        var writingSince: ContinuousClock.Instant?
    }

    package init(viewer: Viewer, token: String, until expiresAt: Timestamp, abort: @escaping @Sendable () -> Void) {
        self.viewer = viewer
        self.token = token
        self.expiresAt = expiresAt
        self.abort = abort
        (self.news, self.newsArrived) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: - Giving

    /// - Parameter key: what it replaces.
    package func offer(_ name: String, key: String, _ data: String) {
        state.withLock { state in
            guard state.end == nil else { return }
            if state.states.updateValue(Self.frame(name, data), forKey: key) == nil { state.stateOrder.append(key) }
            if state.stateOrder.count > Self.maximumStates, let oldest = state.stateOrder.popFirst() {
                state.states[oldest] = nil
            }
        }
        newsArrived.yield()
    }

    package func offer(_ event: LiveEvent, id: String) {
        state.withLock { state in
            guard state.end == nil else { return }
            let frame = "id: \(id)\n" + Self.frame(event.name, event.data)
            guard state.log.count < Self.maximumWaiting, state.logBytes + frame.utf8.count <= Self.maximumBytes else {
                if event.name == "line" { state.droppedLines += 1 } else { state.droppedSessions += 1 }
                return
            }
            state.log.append(frame)
            state.logBytes += frame.utf8.count
        }
        newsArrived.yield()
    }

    /// A sign of life for the client, and for us.
    func beat() {
        state.withLock { $0.isBeating = true }
        newsArrived.yield()
    }

    /// Nothing is taken any more. Whoever may no longer watch does not get what waits either, however slowly it reads.
    package func end(_ reason: StreamEnd) {
        state.withLock { state in
            guard state.end == nil else { return }
            state.end = reason
            state.endedAt = .now
            guard reason != .shutdown else { return }
            state.states = [:]
            state.stateOrder = []
            state.log = []
            state.logBytes = 0
        }
        newsArrived.yield()
    }

    /// When it was told to end; to be cut when it is still there a while later.
    var endedAt: ContinuousClock.Instant? { state.withLock { $0.endedAt } }

    /// Somebody sends.
    func begin() { state.withLock { $0.hasBegun = true } }

    /// Since when the client has not taken what was sent, or nobody has begun to send.
    var stalledSince: ContinuousClock.Instant? { state.withLock { $0.hasBegun ? $0.writingSince : made } }

    func cut() { abort() }

    private static func frame(_ name: String, _ data: String) -> String { "event: \(name)\ndata: \(data)\n\n" }

    // MARK: - Taking

    /// Sends what comes until the end. For one task.
    package func send(_ write: (ByteBuffer) async throws -> Void) async throws {
        for await _ in news {
            while let chunk = next() {
                state.withLock { $0.writingSince = .now }
                try await write(chunk)
                state.withLock { $0.writingSince = nil }
            }
            if state.withLock({ $0.isOver }) { return }
        }
    }

    private func next() -> ByteBuffer? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            var text = ""
            while text.utf8.count < Self.chunkBytes, let key = state.stateOrder.popFirst() {
                text += state.states.removeValue(forKey: key) ?? ""
            }
            while text.utf8.count < Self.chunkBytes, let frame = state.log.popFirst() {
                state.logBytes -= frame.utf8.count
                text += frame
            }
            let isDrained = state.stateOrder.isEmpty && state.log.isEmpty
            if isDrained, state.droppedLines > 0 || state.droppedSessions > 0 {
                text += Self.frame(
                    "dropped", JSON.text(DroppedAnswer(lines: state.droppedLines, sessions: state.droppedSessions)))
                state.droppedLines = 0
                state.droppedSessions = 0
            }
            if state.isBeating {
                text += ": heartbeat\n\n"
                state.isBeating = false
            }
            if isDrained, let end = state.end {
                text += Self.frame("bye", #"{"reason":"\#(end.rawValue)"}"#)
                state.isOver = true
            }
            return text.isEmpty ? nil : ByteBuffer(string: text)
        }
    }
}
