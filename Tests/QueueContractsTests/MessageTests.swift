import MailCore
import QueueContracts
import Testing

@Suite struct MessageTests {
    private static let mails = [
        ("0192f3a0-0000-7000-8000-000000000001", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("0192f3a0-0000-7000-8000-000000000002", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]

    private func entries() throws -> [MailHint.Entry] {
        try Self.mails.map {
            MailHint.Entry(mail: try #require(MailID($0.0)), traceparent: try #require(TraceParent($0.1)))
        }
    }

    @Test func `hints are written and read as ever`() throws {
        #expect(MailHint.accepted(try entries()).encoded() == (try golden("mail.accepted.1")))
        #expect(MailHint.classified(try entries()).encoded() == (try golden("mail.classified.1")))
        for schema in [RoutingKey.mailAccepted, RoutingKey.mailClassified] {
            #expect(try MailHint.decode(golden("\(schema).1"), schema: schema).mails == entries())
        }
        #expect(try MailHint.decode(MailHint.accepted([]).encoded(), schema: RoutingKey.mailAccepted).mails.isEmpty)
    }

    @Test func `notices to readers are written and read as ever`() throws {
        let changed = MailboxChanged([.init(account: AccountID(7), mailbox: MailboxID(42), modseq: 1001)])
        #expect(changed.encoded() == (try golden("mailbox.changed.1")))
        #expect(try MailboxChanged.decode(golden("mailbox.changed.1")) == changed)
        let model = ModelPublished(kind: "spam", modelVersion: 12)
        #expect(model.encoded() == (try golden("model.published.1")))
        #expect(try ModelPublished.decode(golden("model.published.1")) == model)
    }

    @Test func `parked notices are written and read as ever`() throws {
        let mail = ParkedNotice(
            stage: "classify", mail: MailID(Self.mails[0].0), reason: "the worker ended during the attempt")
        #expect(mail.encoded() == (try golden("mail.parked.1")))
        #expect(try ParkedNotice.decode(golden("mail.parked.1")) == mail)
        let hint = ParkedNotice(stage: "file", mail: nil, reason: "unreadable", payload: "not \u{1} \"json\"")
        #expect(hint.encoded() == (try golden("mail.parked.hint.1")))
        #expect(try ParkedNotice.decode(golden("mail.parked.hint.1")) == hint)
    }

    @Test func `requests to watch and reports of sessions are written and read as ever`() throws {
        let request = WatchRequest(watcher: "host:1", seconds: 15, everything: false, accounts: [7], summaries: 3)
        #expect(request.encoded() == (try golden("watch.requested.1")))
        #expect(try WatchRequest.decode(golden("watch.requested.1")) == request)
        let facts = SessionReport.Facts(
            role: "submission", peer: "192.0.2.1", localPort: 587, account: 7, address: "alice@example.test",
            openedAt: 1_790_000_000_000_000, closedAt: 1_790_000_001_000_000, isSecure: true, bytesIn: 100,
            bytesOut: 200, roundTrips: 5, reason: "quit")
        let report = SessionReport(
            daemon: "smtpd",
            events: [
                .init(
                    session: "abc", at: 1_790_000_000_500_000, kind: .line, isFromClient: true,
                    text: "AUTH PLAIN <secret, 44 bytes>"),
                .init(session: "abc", at: 1_790_000_001_000_000, kind: .closed, account: 7, facts: facts),
            ], droppedEvents: 2, droppedSessions: 1)
        #expect(report.encoded() == (try golden("session.report.1")))
        #expect(try SessionReport.decode(golden("session.report.1")) == report)
    }

    @Test func `a key that a later version adds is ignored`() throws {
        let text = #"{"schema":"model.published","version":1,"kind":"spam","modelVersion":3,"new":{"deep":[1]}}"#
        #expect(try ModelPublished.decode(Array(text.utf8)).modelVersion == 3)
    }

    @Test(arguments: [
        ("", ContractError.unreadable), ("null", .unreadable), (#"{"version":1}"#, .unreadable),
        (#"{"schema":"mailbox.changed","version":1}"#, .unknownSchema("mailbox.changed")),
        (#"{"schema":"model.published","version":2,"kind":"x","modelVersion":1}"#, .unknownVersion(2)),
        (#"{"schema":"model.published","version":0,"kind":"x","modelVersion":1}"#, .unknownVersion(0)),
        (#"{"schema":"model.published","version":-9223372036854775808}"#, .unknownVersion(.min)),
        (#"{"schema":"model.published","version":1,"kind":"x","modelVersion":1e400}"#, .unreadable),
        (#"{"schema":"model.published","version":1,"kind":"x","modelVersion":"1"}"#, .unreadable),
        (String(repeating: "[", count: 120_000), .unreadable), (String(repeating: "[", count: 140_000), .tooLong),
    ])
    func `what is no message says why`(text: String, error: ContractError) {
        #expect(throws: error) { try ModelPublished.decode(Array(text.utf8)) }
    }

    @Test func `a hint of too many mails is refused`() throws {
        let many = (0...MailHint.maximumEntries).map { _ in MailHint.Entry(mail: .next(), traceparent: .start()) }
        let most = MailHint.accepted(Array(many.dropLast())).encoded()
        #expect(try MailHint.decode(most, schema: RoutingKey.mailAccepted).mails.count == 128)
        #expect(throws: ContractError.tooMany(129)) {
            try MailHint.decode(MailHint.accepted(many).encoded(), schema: RoutingKey.mailAccepted)
        }
    }

    @Test func `a schema name from outside is cut`() {
        let text = #"{"schema":"\#(String(repeating: "x", count: 1000))","version":1}"#
        #expect(throws: ContractError.unknownSchema(String(repeating: "x", count: 64))) {
            try MailboxChanged.decode(Array(text.utf8))
        }
    }
}
