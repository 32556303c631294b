import LineServer
import MailCore
import QueueContracts
import SessionWatch
import Testing

/// Times are microseconds of a clock that only the test moves.
@Suite struct SessionSelectionTests {
    private var selection = SessionSelection()
    private let start: Int64 = 1_000_000_000_000

    private func summary(_ id: String, role: String = "imap", account: Int64? = nil) -> SessionSummary {
        SessionSummary(
            id: id, role: role, peer: "192.0.2.1", localPort: 143, account: account.map(AccountID.init),
            address: account.map { "user\($0)@example.test" }, openedAt: Timestamp(microseconds: start),
            closedAt: Timestamp(microseconds: start), secure: true, bytesIn: 1, bytesOut: 2, roundTrips: 3,
            reason: "logout")
    }

    private mutating func watch(everything: Bool = false, accounts: [Int64] = [], seconds: Int = 15) -> Bool {
        selection.take(
            WatchRequest(watcher: "w", seconds: seconds, everything: everything, accounts: accounts), at: start)
    }

    @discardableResult
    private mutating func happens(
        _ id: String, _ event: SessionEvent, after microseconds: Int64 = 0, role: String = "imap", account: Int64? = nil
    ) -> Bool {
        let facts = summary(id, role: role, account: account)
        return selection.take(id, event, at: start + microseconds) { facts }
    }

    private mutating func hasRoom(_ id: String, after microseconds: Int64 = 0) -> Bool {
        selection.hasRoom(for: id, at: start + microseconds)
    }

    private func line(_ text: String) -> SessionEvent { .line(.fromClient, RedactedText(line: text.utf8)) }

    private mutating func told() -> [String] {
        var texts: [String] = []
        while let batch = selection.next() {
            texts += batch.events.map { "\($0.session) \($0.kind.rawValue)\($0.text.map { " " + $0 } ?? "")" }
        }
        return texts
    }

    @Test mutating func `an admin is told a whole session, in its order`() {
        #expect(watch(everything: true))
        #expect(happens("s", .opened(role: "mx", peer: "192.0.2.1", localPort: 25), role: "mx"))
        #expect(!happens("s", line("EHLO x"), role: "mx"))
        happens("s", .reply(code: 250), role: "mx")
        happens("s", .result("OK"), role: "mx")
        happens("s", .state("ready"), role: "mx")
        happens("s", .closed(summary("s", role: "mx")), role: "mx")
        #expect(told() == ["s seen", "s line EHLO x", "s reply 250", "s reply OK", "s state ready", "s closed"])
    }

    @Test mutating func `an account is told its own sessions from their beginning, and no others`() {
        #expect(watch(accounts: [7]))
        for id in ["mine", "other", "nobody"] {
            happens(id, .opened(role: "imap", peer: "192.0.2.1", localPort: 143))
            happens(id, line("a LOGIN <secret>"))
        }
        happens("mx", .opened(role: "mx", peer: "192.0.2.1", localPort: 25), role: "mx")
        happens("mx", line("MAIL FROM:<x@remote.test>"), role: "mx")
        #expect(told() == [])
        happens("mine", .login(account: AccountID(7), address: "user7@example.test"))
        happens("other", .login(account: AccountID(8), address: "user8@example.test"))
        happens("mine", line("b SELECT INBOX"), account: 7)
        happens("other", line("b SELECT INBOX"), account: 8)
        happens("other", .closed(summary("other", account: 8)), account: 8)
        happens("nobody", .closed(summary("nobody")))
        happens("mx", .closed(summary("mx", role: "mx")), role: "mx")
        happens("mine", .closed(summary("mine", account: 7)), account: 7)
        #expect(
            told() == [
                "mine seen", "mine line a LOGIN <secret>", "mine login user7@example.test", "mine line b SELECT INBOX",
                "mine closed",
            ])
    }

    @Test mutating func `a line without room is counted and need not be made`() {
        #expect(watch(everything: true))
        #expect(hasRoom("s"))
        happens("s", .opened(role: "mx", peer: "192.0.2.1", localPort: 25), role: "mx")
        var made = 0
        for _ in 0..<SessionSelection.eventsAtOnce + 50 where hasRoom("s") {
            happens("s", line("NOOP"), role: "mx")
            made += 1
        }
        // One was the beginning of the session.
        #expect(made == SessionSelection.eventsAtOnce - 1)
        #expect(!hasRoom("late"))
        var (events, dropped) = (0, 0)
        while let batch = selection.next() {
            events += batch.events.count
            dropped += batch.droppedEvents
        }
        #expect(events == SessionSelection.eventsAtOnce)
        #expect(dropped == 51)
        #expect(hasRoom("s", after: 1_000_000))
    }

    @Test mutating func `a session that began before anybody watched is joined in the middle`() {
        #expect(watch(accounts: [7]))
        happens("s", line("c IDLE"), account: 7)
        #expect(told() == ["s seen", "s line c IDLE"])
        happens("t", line("c IDLE"), account: 8)
        #expect(told() == [])
    }

    @Test mutating func `with the last watcher's time everything is forgotten`() {
        #expect(watch(everything: true, seconds: 15))
        happens("s", line("x"))
        let watched1 = selection.isWatched(at: start + 14_999_999)
        #expect(watched1)
        let watched2 = selection.isWatched(at: start + 15_000_000)
        #expect(!watched2)
        #expect(told() == [])
        #expect(watch(everything: true))
        #expect(!watch(seconds: 0))
    }

    @Test mutating func `no request holds for longer than a minute`() throws {
        let text =
            #"{"schema":"watch.requested","version":1,"watcher":"w","seconds":9223372036854775807,"everything":true,"accounts":[]}"#
        let request = try WatchRequest.decode(Array(text.utf8))
        let watched3 = selection.take(request, at: start)
        #expect(watched3)
        let watched4 = selection.isWatched(at: start + 60_000_001)
        #expect(!watched4)
    }

    @Test mutating func `a busy server shows whole sessions, not scraps of all, and counts the rest`() {
        #expect(watch(everything: true))
        for number in 0..<200 {
            happens("s\(number)", .opened(role: "mx", peer: "192.0.2.1", localPort: 25), role: "mx")
            for line in 0..<10 { happens("s\(number)", self.line("line \(line)"), role: "mx") }
        }
        var events: [SessionReport.Event] = []
        var (dropped, sessions) = (0, 0)
        while let batch = selection.next() {
            #expect(batch.events.count <= SessionReport.maximumEntries)
            events += batch.events
            dropped += batch.droppedEvents
            sessions += batch.droppedSessions
        }
        let shown = Set(events.map(\.session))
        #expect(shown.count == SessionSelection.maximumSessions)
        #expect(events.count == shown.count * 11)
        #expect(dropped == 0)
        #expect(sessions == 200 - shown.count)
    }

    @Test mutating func `one endless session cannot take more than its share`() {
        #expect(watch(everything: true))
        for _ in 0..<5000 { happens("s", line("NOOP")) }
        var (events, dropped) = (0, 0)
        while let batch = selection.next() {
            events += batch.events.count
            dropped += batch.droppedEvents
        }
        #expect(events == SessionSelection.eventsAtOnce)
        #expect(events + dropped == 5001)
        happens("s", line("NOOP"), after: 1_000_000)
        #expect(told().count == 1)
    }

    @Test mutating func `a silent session makes room for another`() {
        #expect(watch(everything: true))
        for number in 0..<SessionSelection.maximumSessions { happens("idle\(number)", .state("idle")) }
        happens("new", .opened(role: "imap", peer: "192.0.2.1", localPort: 143), after: 500_000)
        #expect(told().allSatisfy { !$0.hasPrefix("new") })
        happens("new", line("x"), after: 1_500_000)
        #expect(told() == ["new seen", "new line x"])
    }

    @Test mutating func `what the bus did not take is counted, not kept`() throws {
        #expect(watch(everything: true))
        happens("s", line("x"))
        let next = selection.next()
        selection.lost(try #require(next))
        let report = selection.next()
        #expect(report?.droppedEvents == 2)
        let last = selection.next()
        #expect(last == nil)
    }

    @Test mutating func `after a report that the bus did not take the next event is announced`() throws {
        #expect(watch(everything: true))
        for number in 0..<150 { happens("s", line("NOOP \(number)")) }
        let next = selection.next()
        selection.lost(try #require(next))
        let isAnnounced = happens("s", line("after"))
        #expect(isAnnounced)
        let report = selection.next()
        #expect(report?.events.map(\.text) == ["after"])
        #expect(report?.droppedEvents == 151)
    }

    @Test mutating func `hellos full of long hostile names still fit a message`() throws {
        #expect(watch(everything: true))
        func vector(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
            (0..<width).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
        }
        let names = (0..<16).flatMap { _ in vector([UInt8](repeating: 1, count: 255), 1) }
        let host = vector([0] + vector([UInt8](repeating: 0x5C, count: 255), 2), 2)
        let suites = (0..<100).flatMap { _ in [UInt8](repeating: 0xC0, count: 2) }
        let extensions = [0, 16] + vector(vector(names, 2), 2) + [0, 0] + vector(host, 2)
        let hello =
            [3, 3] + [UInt8](repeating: 0, count: 32) + vector([], 1) + vector(suites, 2) + vector([0], 1)
            + vector(extensions, 2)
        var handshake = TLSHandshake()
        handshake.readClientHello(hello[...])
        #expect(handshake.offeredProtocols.count == 16)
        for number in 0..<64 { happens("s\(number)", .tls(handshake)) }
        var told = 0
        while let batch = selection.next() {
            told += batch.events.count
            #expect(SessionReport(daemon: "smtpd", events: batch.events).encoded().count < 128 * 1024)
        }
        #expect(told == 128)
    }

    @Test mutating func `a report of the longest hostile lines still fits a message`() throws {
        #expect(watch(everything: true))
        let hostile = [UInt8](repeating: 0, count: 10_000)
        for _ in 0..<500 { happens("s", .line(.fromClient, RedactedText(line: hostile))) }
        while let batch = selection.next() {
            #expect(SessionReport(daemon: "smtpd", events: batch.events).encoded().count < 128 * 1024)
        }
    }
}
