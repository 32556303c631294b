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
}

/// What is known of the daemons' sessions, and the transcripts of those that were watched. Bounded as a whole: the
/// sessions heard of longest ago go first.
package struct SessionLedger {
    static let maximumSessions = 400
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
        var heard: Int64
        /// All lines that there were.
        var count = 0

        var kept: Int { first.count + last.count }
    }

    private var entries: [String: Entry] = [:]
    private var lines = 0
    private var clock: Int64 = 0

    package init() {}

    // MARK: - Taking

    /// - Returns: what those who watch should hear, in order.
    package mutating func take(_ report: SessionReport) -> [LiveEvent] {
        var news: [LiveEvent] = []
        for event in report.events { take(event, from: report.daemon, isSummary: report.summaries != nil, &news) }
        if report.droppedEvents > 0 || report.droppedSessions > 0 {
            let dropped = DroppedAnswer(lines: report.droppedEvents, sessions: report.droppedSessions)
            news.append(LiveEvent(name: "dropped", audience: Audience(admins: true), data: JSON.text(dropped)))
        }
        return news
    }

    private mutating func take(
        _ event: SessionReport.Event, from daemon: String, isSummary: Bool, _ news: inout [LiveEvent]
    ) {
        clock += 1
        switch event.kind {
        case .seen, .closed:
            guard let facts = event.facts else { return }
            let isNews = !isSummary
            put(event.session, daemon, facts)
            if isNews { tellSession(event.session, &news) }
        case .login:
            logIn(event, &news)
            add(event, &news)
        case .line, .tls, .state, .reply:
            add(event, &news)
            if event.kind == .tls { update(event.session, &news) { $0.secured() } }
        }
    }

    private mutating func put(_ session: String, _ daemon: String, _ facts: SessionReport.Facts) {
        if entries[session] == nil {
            if entries.count >= Self.maximumSessions { forgetOldest() }
            entries[session] = Entry(daemon: daemon, facts: facts, heard: clock)
        } else {
            // A summary of an end may come after it was told live; both say the same.
            entries[session]?.facts = facts
            entries[session]?.heard = clock
        }
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
        entry.heard = clock
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
        while lines > Self.maximumLines { forgetOldest() }
    }

    private mutating func forgetOldest() {
        guard let oldest = entries.min(by: { $0.value.heard < $1.value.heard }) else {
            lines = 0
            return
        }
        lines -= oldest.value.kept
        entries[oldest.key] = nil
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
