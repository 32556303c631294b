package import LineServer
import MailCore
package import QueueContracts

/// Which sessions are told to whoever watches, and what of them waits to be told.
///
/// A whole session is worth more than scraps of many: a new one is let in only while there is room for its events, and
/// when a session that was let in is too fast after all, what is left out of it is counted. A value without clock or
/// socket; the tap feeds it under a lock.
package struct SessionSelection {
    /// Sessions told line by line at a time.
    package static let maximumSessions = 64
    /// Events told in a second, as long as it takes and at once, and the room that a new session must find.
    package static let eventsPerSecond = 150
    package static let eventsAtOnce = 1000
    static let roomForSession = 300
    /// Events that wait to be sent.
    package static let maximumWaiting = 1000
    /// Kept of a session of which nobody knows yet whose it is.
    static let maximumHeld = 40
    static let maximumWatchers = 16
    /// A session that was silent for so long makes room for another.
    static let idleMicroseconds: Int64 = 1_000_000
    /// About so many bytes of a report, of the 128 KiB that a message may have.
    private static let reportBytes = 64 * 1024
    /// Suites and versions told of a hello.
    static let maximumOffers = 48

    private struct Watcher {
        let everything: Bool
        let accounts: Set<Int64>
        let until: Int64
    }

    private struct Watched {
        var isShown: Bool
        var held: [SessionReport.Event] = []
        var lastAt: Int64
    }

    private var watchers: [String: Watcher] = [:]
    private var sessions: [String: Watched] = [:]
    private var waiting: [SessionReport.Event] = []
    private var droppedEvents = 0
    private var droppedSessions = 0
    private var tokens = Double(Self.eventsAtOnce)
    private var refilledAt: Int64 = 0

    package init() {}

    // MARK: - Who watches

    /// - Returns: whether anybody watches now.
    package mutating func take(_ request: WatchRequest, at now: Int64) -> Bool {
        if request.seconds <= 0 {
            watchers[request.watcher] = nil
        } else if watchers[request.watcher] != nil || watchers.count < Self.maximumWatchers {
            let seconds = min(request.seconds, WatchRequest.maximumSeconds)
            watchers[request.watcher] = Watcher(
                everything: request.everything, accounts: Set(request.accounts.prefix(WatchRequest.maximumAccounts)),
                until: now + Int64(seconds) * 1_000_000)
        }
        return isWatched(at: now)
    }

    /// Forgets watchers whose time is up, and with the last one everything else.
    package mutating func isWatched(at now: Int64) -> Bool {
        if watchers.values.contains(where: { $0.until <= now }) { watchers = watchers.filter { $0.value.until > now } }
        if watchers.isEmpty, !sessions.isEmpty || !waiting.isEmpty {
            sessions = [:]
            waiting = []
        }
        return !watchers.isEmpty
    }

    private var wantsEverything: Bool { watchers.values.contains(where: \.everything) }

    private func wants(_ account: Int64?) -> Bool {
        watchers.values.contains { $0.everything || account.map($0.accounts.contains) == true }
    }

    // MARK: - What happens

    /// Whether a line of the session would be told now; otherwise it need not be made, and is counted if the session is told.
    package mutating func hasRoom(for session: String, at now: Int64) -> Bool {
        refill(now)
        guard let index = sessions.index(forKey: session) else { return tokens >= Double(Self.roomForSession) }
        sessions.values[index].lastAt = now
        return tells(index)
    }

    /// - Returns: whether the first event waits now that none did.
    package mutating func take(
        _ session: String, _ event: SessionEvent, at now: Int64, facts: () -> SessionSummary
    ) -> Bool {
        let wasEmpty = waiting.isEmpty
        refill(now)
        if case .closed(let summary) = event {
            close(session, summary, now)
        } else if let index = sessions.index(forKey: session) ?? admit(session, isNew: event.isOpening, now, facts) {
            // The beginning was told with the session's facts.
            if !event.isOpening { add(session, at: index, event, now) }
        }
        return wasEmpty && !waiting.isEmpty
    }

    /// Lets a session in, at its beginning or in the middle of it; `nil` when it stays outside.
    private mutating func admit(
        _ session: String, isNew: Bool, _ now: Int64, _ facts: () -> SessionSummary
    ) -> Dictionary<String, Watched>.Index? {
        // On a busy server this is the answer nearly always, so it asks for nothing else.
        guard tokens >= Double(Self.roomForSession) || isNew else { return nil }
        let summary = facts()
        let isKnown = wants(summary.account?.value)
        // Only who may still log in can become somebody's.
        guard isKnown || (summary.account == nil && Self.hasLogin(summary.role)) else { return nil }
        guard tokens >= Double(Self.roomForSession), makeRoom(now) else {
            if isNew { droppedSessions += 1 }
            return nil
        }
        let seen = SessionReport.Event(
            session: session, at: now, kind: .seen, account: summary.account?.value,
            facts: .init(summary, isOpen: true))
        sessions[session] = Watched(isShown: isKnown, held: isKnown ? [] : [seen], lastAt: now)
        if isKnown { enqueue(seen) }
        return sessions.index(forKey: session)
    }

    private static func hasLogin(_ role: String) -> Bool { role != "mx" && role != "relay" }

    private mutating func makeRoom(_ now: Int64) -> Bool {
        guard sessions.count >= Self.maximumSessions else { return true }
        guard let oldest = sessions.min(by: { $0.value.lastAt < $1.value.lastAt }),
            now - oldest.value.lastAt >= Self.idleMicroseconds
        else { return false }
        sessions[oldest.key] = nil
        return true
    }

    private mutating func add(
        _ session: String, at index: Dictionary<String, Watched>.Index, _ event: SessionEvent, _ now: Int64
    ) {
        sessions.values[index].lastAt = now
        if case .login(let account, _) = event, !sessions.values[index].isShown || !wants(account.value) {
            guard wants(account.value) else {
                sessions.remove(at: index)
                return
            }
            sessions.values[index].isShown = true
            let held = sessions.values[index].held
            sessions.values[index].held = []
            for event in held { enqueue(event) }
        }
        let isShown = sessions.values[index].isShown
        guard tells(index), let told = SessionReport.Event(session, event, at: now) else { return }
        if isShown { enqueue(told) } else { sessions.values[index].held.append(told) }
    }

    /// Whether there is room for an event of the session; one that is left out is counted.
    private mutating func tells(_ index: Dictionary<String, Watched>.Index) -> Bool {
        let hasRoom = sessions.values[index].isShown ? canEnqueue : sessions.values[index].held.count < Self.maximumHeld
        if !hasRoom { droppedEvents += 1 }
        return hasRoom
    }

    /// The end is told of every session that may be seen, also of one that was not let in.
    private mutating func close(_ session: String, _ summary: SessionSummary, _ now: Int64) {
        let watched = sessions.removeValue(forKey: session)
        guard wants(summary.account?.value) else { return }
        guard watched?.isShown == true || tokens >= Double(Self.roomForSession) else {
            droppedSessions += 1
            return
        }
        for event in watched?.held ?? [] { enqueue(event) }
        enqueue(
            .init(
                session: session, at: now, kind: .closed, account: summary.account?.value,
                facts: .init(summary, isOpen: false)))
    }

    private var canEnqueue: Bool { tokens >= 1 && waiting.count < Self.maximumWaiting }

    private mutating func enqueue(_ event: SessionReport.Event) {
        guard canEnqueue else {
            droppedEvents += 1
            return
        }
        tokens -= 1
        waiting.append(event)
    }

    private mutating func refill(_ now: Int64) {
        let passed = Double(max(0, now - refilledAt)) / 1_000_000
        refilledAt = now
        tokens = min(Double(Self.eventsAtOnce), tokens + passed * Double(Self.eventsPerSecond))
    }

    // MARK: - What is told

    package struct Batch: Sendable, Hashable {
        package let events: [SessionReport.Event]
        package let droppedEvents: Int
        package let droppedSessions: Int
    }

    /// What waits, at most one report of it; `nil` when nothing does.
    package mutating func next() -> Batch? {
        guard !waiting.isEmpty || droppedEvents > 0 || droppedSessions > 0 else { return nil }
        var room = Self.reportBytes
        let events = waiting.prefix(SessionReport.maximumEntries).prefix { event in
            room -= event.estimatedBytes
            return room > 0
        }
        let batch = Batch(events: Array(events), droppedEvents: droppedEvents, droppedSessions: droppedSessions)
        waiting.removeFirst(batch.events.count)
        droppedEvents = 0
        droppedSessions = 0
        return batch
    }

    /// Told to nobody: the bus was away or slow. What waits behind it goes too, so that the next event is a first one
    /// and is announced.
    package mutating func lost(_ batch: Batch) {
        droppedEvents += batch.events.count + batch.droppedEvents + waiting.count
        waiting = []
        droppedSessions += batch.droppedSessions
    }
}
