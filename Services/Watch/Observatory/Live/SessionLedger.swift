import DequeModule
import MailCore
package import QueueContracts

/// Who may have an event of the live view.
package struct Audience: Sendable, Hashable {
    package var admins = false
    package var account: Int64?

    package init(admins: Bool = false, account: Int64? = nil) {
        self.admins = admins
        self.account = account
    }

    package func includes(_ viewer: Viewer) -> Bool {
        viewer.account.map { $0.value == account } ?? admins
    }
}

/// Something that happened, as it goes out on streams.
package struct LiveEvent: Sendable {
    package let name: String
    package let audience: Audience
    /// One line of JSON.
    package let data: String

    package init(name: String, audience: Audience, data: String) {
        self.name = name
        self.audience = audience
        self.data = data
    }
}

/// What is known of the daemons' sessions, and the transcripts of those that were watched. Bounded as a whole: the
/// sessions that did something longest ago go first.
package struct SessionLedger {
    /// What three daemons remember, and what is watched of them.
    static let maximumSessions = 1000
    /// By so much an open session that is watched outlives a closed one: a silent one goes on.
    private static let openBonus: Int64 = 3_600_000_000
    /// Of all transcripts together.
    static let maximumLines = 8000
    /// Of one transcript: the first ones and the last ones.
    static let firstLines = 60
    static let lastLines = 140

    private struct Entry {
        let daemon: String
        var facts: SessionReport.Facts
        var first: [SessionReport.Event] = []
        var last: Deque<SessionReport.Event> = []
        /// When it last did something, in microseconds of its daemon's clock.
        var active: Int64
        /// All lines that there were.
        var count = 0

        var kept: Int { first.count + last.count }
        /// The least goes first.
        var rank: Int64 { active &+ (facts.closedAt == nil && count > 0 ? SessionLedger.openBonus : 0) }
    }

    private var entries: [String: Entry] = [:]
    private var lines = 0

    package init() {}

    // MARK: - Taking

    /// - Returns: what those who watch should hear, in order.
    package mutating func take(_ report: SessionReport) -> [LiveEvent] {
        var news: [LiveEvent] = []
        for event in report.events { take(event, from: report.daemon, isSummary: report.summaries != nil, &news) }
        if entries.count > Self.maximumSessions { forgetOldest() }
        while lines > Self.maximumLines { forgetOldestTranscript() }
        if report.droppedEvents > 0 || report.droppedSessions > 0 {
            let dropped = DroppedAnswer(lines: report.droppedEvents, sessions: report.droppedSessions)
            news.append(LiveEvent(name: "dropped", audience: Audience(admins: true), data: JSON.text(dropped)))
        }
        return news
    }

    private mutating func take(
        _ event: SessionReport.Event, from daemon: String, isSummary: Bool, _ news: inout [LiveEvent]
    ) {
        switch event.kind {
        case .seen, .closed:
            guard let facts = event.facts else { return }
            put(event.session, daemon, facts, active: isSummary ? facts.closedAt ?? facts.openedAt : event.at)
            if !isSummary { tellSession(event.session, &news) }
        case .login:
            logIn(event, &news)
            add(event, &news)
        case .line, .tls, .state, .reply:
            add(event, &news)
            if event.kind == .tls { update(event.session, &news) { $0.secured() } }
        }
    }

    private mutating func put(_ session: String, _ daemon: String, _ facts: SessionReport.Facts, active: Int64) {
        // A summary of an end may come after it was told live; both say the same.
        var entry = entries[session] ?? Entry(daemon: daemon, facts: facts, active: active)
        entry.facts = facts
        entry.active = max(entry.active, active)
        entries[session] = entry
    }

    /// From here on the session is its account's too, with all that is kept of it.
    private mutating func logIn(_ event: SessionReport.Event, _ news: inout [LiveEvent]) {
        guard let account = event.account, entries[event.session]?.facts.account != account else { return }
        update(event.session, &news) { $0.loggedIn(account, event.text) }
        for line in transcript(event.session) {
            news.append(LiveEvent(name: "line", audience: Audience(account: account), data: JSON.text(line)))
        }
    }

    private mutating func update(
        _ session: String, _ news: inout [LiveEvent], _ change: (SessionReport.Facts) -> SessionReport.Facts
    ) {
        guard let entry = entries[session] else { return }
        entries[session]?.facts = change(entry.facts)
        tellSession(session, &news)
    }

    private func tellSession(_ session: String, _ news: inout [LiveEvent]) {
        guard let entry = entries[session] else { return }
        news.append(
            LiveEvent(name: "session", audience: audience(entry), data: JSON.text(answer(session, entry))))
    }

    private mutating func add(_ event: SessionReport.Event, _ news: inout [LiveEvent]) {
        guard var entry = entries.removeValue(forKey: event.session) else { return }
        entry.count += 1
        entry.active = max(entry.active, event.at)
        if entry.first.count < Self.firstLines {
            entry.first.append(event)
            lines += 1
        } else {
            if entry.last.count >= Self.lastLines { entry.last.removeFirst() } else { lines += 1 }
            entry.last.append(event)
        }
        entries[event.session] = entry
        if let line = LineAnswer(event, number: entry.count, openedAt: entry.facts.openedAt) {
            news.append(LiveEvent(name: "line", audience: audience(entry), data: JSON.text(line)))
        }
    }

    private mutating func forgetOldest() {
        let order = entries.sorted { $0.value.rank < $1.value.rank }
        for entry in order.prefix(entries.count - Self.maximumSessions) { forget(entry.key) }
    }

    private mutating func forgetOldestTranscript() {
        let told = entries.lazy.filter { $0.value.kept > 0 }
        guard let oldest = told.min(by: { $0.value.rank < $1.value.rank }) else {
            lines = 0
            return
        }
        forget(oldest.key)
    }

    private mutating func forget(_ session: String) {
        lines -= entries.removeValue(forKey: session)?.kept ?? 0
    }

    // MARK: - Showing

    private func audience(_ entry: Entry) -> Audience { Audience(admins: true, account: entry.facts.account) }

    private func answer(_ session: String, _ entry: Entry) -> SessionAnswer {
        SessionAnswer(session, entry.daemon, entry.facts, lines: entry.kept)
    }

    /// Newest first.
    func sessions(for viewer: Viewer, limit: Int) -> [SessionAnswer] {
        entries.filter { audience($0.value).includes(viewer) }
            .sorted { ($0.value.facts.openedAt, $0.key) > ($1.value.facts.openedAt, $1.key) }
            .prefix(limit).map { answer($0.key, $0.value) }
    }

    func transcript(of session: String, for viewer: Viewer) -> TranscriptAnswer? {
        guard let entry = entries[session], audience(entry).includes(viewer) else { return nil }
        return TranscriptAnswer(session: answer(session, entry), lines: transcript(session))
    }

    private func transcript(_ session: String) -> [LineAnswer] {
        guard let entry = entries[session] else { return [] }
        let openedAt = entry.facts.openedAt
        var lines = entry.first.enumerated().compactMap {
            LineAnswer($0.element, number: $0.offset + 1, openedAt: openedAt)
        }
        let missing = entry.count - entry.kept
        if missing > 0, let next = entry.last.first {
            lines.append(
                LineAnswer(
                    session: session, dropped: missing, number: entry.first.count + 1, at: next.at, openedAt: openedAt))
        }
        lines += entry.last.enumerated().compactMap {
            LineAnswer($0.element, number: entry.count - entry.last.count + $0.offset + 1, openedAt: openedAt)
        }
        return lines
    }
}

struct DroppedAnswer: Encodable, Sendable {
    let lines: Int
    let sessions: Int
}

extension SessionReport.Facts {
    fileprivate func secured() -> SessionReport.Facts { changed(isSecure: true) }

    fileprivate func loggedIn(_ account: Int64, _ address: String?) -> SessionReport.Facts {
        changed(account: account, address: address)
    }

    private func changed(account: Int64? = nil, address: String? = nil, isSecure: Bool? = nil) -> SessionReport.Facts {
        SessionReport.Facts(
            role: role, peer: peer, localPort: localPort, account: account ?? self.account,
            address: address ?? self.address, openedAt: openedAt, closedAt: closedAt,
            isSecure: isSecure ?? self.isSecure, bytesIn: bytesIn, bytesOut: bytesOut, roundTrips: roundTrips,
            reason: reason)
    }
}
