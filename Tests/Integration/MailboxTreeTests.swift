import MailCore
import PostgreSQL
import Storage
import Testing

@Suite(.enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct MailboxTreeTests {
    private func names(_ fixture: MailboxFixture) async throws -> [String] {
        try await fixture.mailboxes.list(fixture.account).map(\.name).sorted()
    }

    @Test func `creating makes the levels above and never takes a name twice`() async throws {
        try await MailboxFixture.with { fixture in
            let made = try await fixture.mailboxes.create(
                fixture.account, names: ["a", "a/b", "a/b/c"], specialUse: nil)
            #expect(made.name == "a/b/c" && made.uidNext == 1 && made.uidValidity > 0)
            await #expect(throws: MailboxError.alreadyExists) {
                _ = try await fixture.mailboxes.create(fixture.account, names: ["a", "a/b"], specialUse: nil)
            }
            #expect(try await names(fixture).filter { $0.hasPrefix("a") } == ["a", "a/b", "a/b/c"])
        }
    }

    @Test func `a name that comes back has another UIDVALIDITY`() async throws {
        try await MailboxFixture.with { fixture in
            let first = try await fixture.mailboxes.create(fixture.account, names: ["x"], specialUse: nil)
            _ = try await fixture.mailboxes.delete(fixture.account, name: "x")
            let second = try await fixture.mailboxes.create(fixture.account, names: ["x"], specialUse: nil)
            #expect(second.uidValidity > first.uidValidity)
        }
    }

    @Test func `deleting releases the bodies and leaves inferior names and the subscription`() async throws {
        try await MailboxFixture.with { fixture in
            let parent = try await fixture.mailboxes.create(fixture.account, names: ["p"], specialUse: nil)
            _ = try await fixture.mailboxes.create(fixture.account, names: ["p/q"], specialUse: nil)
            try await fixture.mailboxes.subscribe(fixture.account, name: "p")
            try await fixture.append(to: parent)
            #expect(try await fixture.mailboxes.delete(fixture.account, name: "p") == parent.key)
            #expect(try await names(fixture).contains("p/q"))
            #expect(try await fixture.mailboxes.subscriptions(fixture.account).contains("p"))
            #expect(try await fixture.mailboxes.snapshot(parent.key) == nil)
            #expect(try await fixture.number(PreparedStatement("t_rel", "SELECT count(*) FROM body_release")) == 1)
            await #expect(throws: MailboxError.noSuchMailbox) {
                try await fixture.append(to: parent)
            }
        }
    }

    @Test func `renaming moves the whole tree below, literally`() async throws {
        try await MailboxFixture.with { fixture in
            for name in ["a_b", "a_b/c%", "axb/d"] {
                _ = try await fixture.mailboxes.create(fixture.account, names: [name], specialUse: nil)
            }
            try await fixture.mailboxes.rename(fixture.account, from: "a_b", to: "n/m", missing: ["n"])
            let after = try await names(fixture)
            #expect(after.contains("n") && after.contains("n/m") && after.contains("n/m/c%") && after.contains("axb/d"))
            #expect(!after.contains("a_b"))
            await #expect(throws: MailboxError.alreadyExists) {
                try await fixture.mailboxes.rename(fixture.account, from: "n", to: "Archive", missing: [])
            }
            await #expect(throws: MailboxError.noSuchMailbox) {
                try await fixture.mailboxes.rename(fixture.account, from: "nobody", to: "z", missing: [])
            }
        }
    }

    @Test func `a mailbox of another account is out of reach`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            try await fixture.append(to: inbox)
            let stranger = MailboxKey(account: AccountID(fixture.account.value + 1), mailbox: inbox.key.mailbox)
            #expect(try await fixture.mailboxes.snapshot(stranger) == nil)
            #expect(try await fixture.messages.rows(stranger, UIDRuns(1...UInt32.max), [.place]).rows.isEmpty)
            await #expect(throws: MailboxError.noSuchMailbox) {
                _ = try await fixture.mailboxes.expunge(stranger, UIDRuns(1...UInt32.max))
            }
        }
    }
}
