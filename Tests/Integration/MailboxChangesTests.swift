import MailCore
import Storage
import Testing

@Suite("Changes of mailboxes", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct MailboxChangesTests {
    @Test func `one query tells of many mailboxes, each since a version of its own`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            let archive = try await fixture.mailbox("Archive")
            try await fixture.append(to: inbox)
            let base = try await fixture.mailbox().modseq
            for _ in 0..<2 { try await fixture.append(to: inbox) }
            _ = try await fixture.mailboxes.changeFlags(inbox.key, UIDRuns(1...1), .add(NamedFlags(system: .deleted)))
            _ = try await fixture.mailboxes.expunge(inbox.key, UIDRuns(1...1))
            try await fixture.append(to: archive)
            let nowhere = MailboxKey(account: fixture.account, mailbox: MailboxID(1 << 40))
            let refreshes = try await fixture.mailboxes.changes([
                (archive.key, archive.modseq), (nowhere, 0), (inbox.key, base),
                (inbox.key, try await fixture.mailbox().modseq),
            ])
            #expect(refreshes.map { $0?.delta.changed.map(\.uid) } == [[1], nil, [2, 3], []])
            #expect(refreshes.map { $0?.delta.expunged } == [[], nil, [1], []])
            #expect(refreshes.map { $0?.delta.uidNext } == [2, nil, 4, 4])
            #expect(refreshes[2]?.delta.before == base)
            #expect(refreshes[3]?.delta.isEmpty == true)
            #expect(try await fixture.mailboxes.changes([]).isEmpty)
        }
    }
}
