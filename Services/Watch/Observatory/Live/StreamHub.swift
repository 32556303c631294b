import DequeModule
import MailCore
import Synchronization

/// All open streams, and the events that somebody who comes back may have missed.
package final class StreamHub: Sendable {
    package static let maximumStreams = 32
    package static let maximumPerName = 8
    /// Places that only an admin gets.
    package static let keptForAdmins = 8
    static let maximumRemembered = 512

    package enum Refusal: Error { case tooMany, closing }

    private struct State {
        var clients: [Int: StreamClient] = [:]
        var nextClient = 0
        var remembered: Deque<(number: Int, event: LiveEvent)> = []
        var number = 0
        var isClosing = false
        var arrived: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())
    /// Numbers of another process are not ours.
    private let epoch = String(UInt32.random(in: .min ... .max), radix: 36)

    package init() {}

    /// Somebody came; for one reader each.
    func arrivals() -> AsyncStream<Void> {
        let (arrivals, arrived) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { state in
            state.arrived.append(arrived)
            if !state.clients.isEmpty { arrived.yield() }
        }
        return arrivals
    }

    // MARK: - Coming and going

    /// - Returns: whether the events after `lastEventID` could be found; they are offered.
    package func enter(_ client: StreamClient, lastEventID: String?) throws -> Bool {
        let isResumed = try state.withLock { state in
            if state.isClosing { throw Refusal.closing }
            let ofName = state.clients.values.count { $0.viewer.name == client.viewer.name }
            let places = Self.maximumStreams - (client.viewer.isAdmin ? 0 : Self.keptForAdmins)
            guard state.clients.count < places, ofName < Self.maximumPerName else { throw Refusal.tooMany }
            state.nextClient += 1
            state.clients[state.nextClient] = client
            guard let last = number(of: lastEventID), last <= state.number else { return false }
            // Under the lock: whatever is published from now on comes after these.
            for (number, event) in state.remembered where number > last && event.audience.includes(client.viewer) {
                client.offer(event, id: id(number))
            }
            return true
        }
        for continuation in state.withLock({ $0.arrived }) { continuation.yield() }
        return isResumed
    }

    func leave(_ client: StreamClient) {
        state.withLock { state in state.clients = state.clients.filter { $0.value !== client } }
    }

    /// No stream is taken any more, and those that are open end.
    func close() {
        let clients = state.withLock { state in
            state.isClosing = true
            return Array(state.clients.values)
        }
        for client in clients { client.end(.shutdown) }
    }

    var clients: [StreamClient] { state.withLock { Array($0.clients.values) } }

    var isWatched: Bool { state.withLock { !$0.clients.isEmpty } }

    /// What all that watch may see together.
    var interest: (everything: Bool, accounts: [Int64]) {
        let clients = clients
        return (
            clients.contains { $0.viewer.isAdmin }, Set(clients.compactMap { $0.viewer.account?.value }).sorted()
        )
    }

    // MARK: - Events

    func publish(_ events: [LiveEvent]) {
        guard !events.isEmpty else { return }
        let (clients, numbered) = state.withLock { state in
            let numbered = events.map { event in
                state.number += 1
                state.remembered.append((state.number, event))
                return (state.number, event)
            }
            if state.remembered.count > Self.maximumRemembered {
                state.remembered.removeFirst(state.remembered.count - Self.maximumRemembered)
            }
            return (Array(state.clients.values), numbered)
        }
        for (number, event) in numbered {
            for client in clients where event.audience.includes(client.viewer) { client.offer(event, id: id(number)) }
        }
    }

    private func id(_ number: Int) -> String { "\(epoch)-\(number)" }

    private func number(of id: String?) -> Int? {
        guard let id, id.utf8.count < 40, id.hasPrefix(epoch + "-") else { return nil }
        return Int(id.dropFirst(epoch.count + 1))
    }
}
