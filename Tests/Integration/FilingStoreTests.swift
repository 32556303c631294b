import Dispatch
import MailCore
import PostgreSQL
import QueueContracts
import Storage
import Testing

@Suite("Filing", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct FilingStoreTests {
    private static let workLeft = PreparedStatement("t_work_left", "SELECT count(*) FROM work")
    private static let events = PreparedStatement(
        "t_events", "SELECT count(*) FROM mail_event WHERE event = 'filed' AND detail->>'name' = 'Junk'")
    private static let releases = PreparedStatement("t_releases", "SELECT count(*) FROM body_release")

    @Test("a verdict decides between INBOX and Junk; UIDs follow the order of acceptance")
    func folders() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let ham = try await fixture.mail(to: [alice])
            let spam = try await fixture.mail(to: [alice], verdict: .spam)
            let second = try await fixture.mail(to: [alice])
            let unjudged = try await fixture.mail(to: [alice], verdict: nil)

            let outcome = try await fixture.store.file([unjudged, second, spam, ham], decide: FilingFixture.decide)
            #expect(outcome.filed == 4)
            #expect(outcome.changed.count == 2)
            let entries = try await fixture.entries(alice)
            #expect(entries.map(\.name) == ["INBOX", "INBOX", "INBOX", "Junk"])
            #expect(entries.map(\.mail) == [ham, second, unjudged, spam])
            #expect(entries.map(\.uid) == [1, 2, 3, 1])
            #expect(entries[0].prefix == "Delivered-To: alice@example.test\r\n")
            let inbox = try #require(try await fixture.mailbox(alice, "INBOX"))
            #expect(inbox.uidNext == 4)
            #expect(inbox.bytes == 3 * Int64("Delivered-To: alice@example.test\r\nHi\r\n".utf8.count))
            #expect(outcome.changed.contains { $0.mailbox == inbox.key.mailbox && $0.modseq == inbox.modseq })
            #expect(try await fixture.miscounted() == [])
            #expect(try await fixture.owner.number(Self.workLeft) == 0)
            #expect(try await fixture.owner.number(Self.events) == 1)
        }
    }

    @Test("a category becomes a keyword of the copy, one bit for all of a mailbox's mails of that kind")
    func categories() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let bob = try await fixture.account("bob")
            try await fixture.sql(
                "UPDATE mailbox SET keywords = '{$Old,\"$CATEGORYforum\"}' WHERE account_id = \(alice.value)")
            let mails = [
                try await fixture.mail(to: [alice, bob]), try await fixture.mail(to: [alice]),
                try await fixture.mail(to: [alice]),
            ]
            try await fixture.sql("UPDATE verdict SET category = 'promotion' WHERE mail_id = '\(mails[0])'")
            try await fixture.sql("UPDATE verdict SET category = 'forum' WHERE mail_id = '\(mails[1])'")
            _ = try await fixture.store.file(mails) { copy in
                FilingDecision(folder: .inbox, prefix: [], keyword: copy.verdict?.category.map { "$Category\($0)" })
            }
            let inbox = try #require(try await fixture.mailbox(alice, "INBOX"))
            #expect(inbox.keywords.names == ["$Old", "$CATEGORYforum", "$Categorypromotion"])
            #expect(try await fixture.entries(alice).map(\.flags) == [1 << 10, 1 << 9, 0])
            #expect(try await fixture.entries(bob).map(\.flags) == [1 << 8])
        }
    }

    @Test("a hint that comes twice files nothing again, even after the reader has expunged")
    func repeatedHint() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let mail = try await fixture.mail(to: [alice])
            #expect(try await fixture.store.file([mail], decide: FilingFixture.decide).filed == 1)
            try await fixture.sql("DELETE FROM mailbox_message")
            let again = try await fixture.store.file([mail, .next()], decide: FilingFixture.decide)
            #expect(again.isEmpty)
            #expect(again.changed.isEmpty)
            #expect(try await fixture.entries(alice).isEmpty)
        }
    }

    @Test("several filerds with the same hints file each copy once and do not deadlock")
    func race() async throws {
        try await FilingFixture.with { fixture in
            var accounts: [AccountID] = []
            for index in 0..<5 { accounts.append(try await fixture.account("user\(index)")) }
            var mails: [MailID] = []
            for index in 0..<60 {
                let some = index % 3 == 0 ? accounts.reversed() : Array(accounts.prefix(1 + index % 5))
                mails.append(try await fixture.mail(to: some, verdict: index % 2 == 0 ? .spam : .ham))
            }
            let expected = (0..<60).map { $0 % 3 == 0 ? 5 : 1 + $0 % 5 }.reduce(0, +)
            let store = fixture.store
            let filed = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<6 {
                    let mine = index % 2 == 0 ? mails : Array(mails.shuffled().prefix(40))
                    group.addTask { try await store.file(mine, decide: FilingFixture.decide).filed }
                }
                return try await group.reduce(0, +)
            }
            #expect(filed == expected)
            #expect(try await fixture.miscounted() == [])
            #expect(try await fixture.owner.number(Self.workLeft) == 0)
        }
    }

    @Test("without a Junk mailbox spam goes to INBOX; without any, INBOX is made")
    func missingMailboxes() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let bob = try await fixture.account("bob", mailboxes: false)
            try await fixture.sql("DELETE FROM mailbox WHERE special_use = '\\Junk'")
            let mail = try await fixture.mail(to: [alice, bob], verdict: .spam)
            let next = try await fixture.mail(to: [bob])
            #expect(try await fixture.store.file([mail, next], decide: FilingFixture.decide).filed == 3)
            #expect(try await fixture.entries(alice).map(\.name) == ["INBOX"])
            #expect(try await fixture.entries(bob).map(\.uid) == [1, 2])
            let inbox = try #require(try await fixture.mailbox(bob, "INBOX"))
            #expect(inbox.uidValidity > 0)
        }
    }

    @Test("a copy of a deleted account ends with an event and a released body; a disabled one is filed")
    func goneAccounts() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let bob = try await fixture.account("bob")
            try await fixture.sql("UPDATE account SET deleted_at = now() WHERE address = 'alice@example.test'")
            try await fixture.sql("UPDATE account SET disabled_at = now() WHERE address = 'bob@example.test'")
            let mail = try await fixture.mail(to: [alice, bob])
            let outcome = try await fixture.store.file([mail], decide: FilingFixture.decide)
            #expect(outcome.discarded == 1)
            #expect(outcome.filed == 1)
            #expect(try await fixture.entries(alice).isEmpty)
            #expect(try await fixture.entries(bob).count == 1)
            #expect(try await fixture.owner.number(Self.releases) == 1)
            #expect(try await fixture.owner.number(Self.workLeft) == 0)
        }
    }

    @Test("a mailbox without UIDs keeps the mail as work and says so")
    func noUIDs() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let mail = try await fixture.mail(to: [alice])
            try await fixture.sql("UPDATE mailbox SET uidnext = 4294967295")
            await #expect(throws: FilingError.self) {
                try await fixture.store.file([mail], decide: FilingFixture.decide)
            }
            #expect(try await fixture.owner.number(Self.workLeft) == 1)
        }
    }

    @Test("a late verdict labels every copy and moves only what is unseen in INBOX")
    func lateVerdict() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let bob = try await fixture.account("bob")
            let carol = try await fixture.account("carol")
            let mail = try await fixture.mail(to: [alice, bob, carol], verdict: nil)
            let other = try await fixture.mail(to: [alice], verdict: .ham)
            _ = try await fixture.store.file([mail, other], decide: FilingFixture.decide)
            // Bob has read it; Carol has put it away.
            try await fixture.sql("UPDATE mailbox_message SET flags = 1 WHERE account_id = \(bob.value)")
            try await fixture.sql("UPDATE mailbox SET unseen = 0 WHERE account_id = \(bob.value) AND name = 'INBOX'")
            try await fixture.sql(
                "UPDATE mailbox SET name = 'Kept' WHERE account_id = \(carol.value) AND name = 'INBOX'")
            try await fixture.work(mail, stage: .relabel, verdict: .phish)

            let outcome = try await fixture.store.file([mail], decide: FilingFixture.decide)
            #expect(outcome.relabelled == 1)
            #expect(outcome.filed == 0)
            let hers = try await fixture.entries(alice)
            #expect(hers.map(\.name) == ["INBOX", "Junk"])
            #expect(hers.map(\.mail) == [other, mail])
            let junk = try #require(try await fixture.mailbox(alice, "Junk"))
            #expect(junk.keywords.names(in: MailboxFlags(rawValue: hers[1].flags)).sorted() == ["$Junk", "$Phishing"])
            #expect(outcome.changed.contains { $0.mailbox == junk.key.mailbox && $0.modseq == junk.modseq })
            for (account, name) in [(bob, "INBOX"), (carol, "Kept")] {
                let entries = try await fixture.entries(account)
                #expect(entries.map(\.name) == [name])
                let box = try #require(try await fixture.mailbox(account, name))
                #expect(box.keywords.names(in: MailboxFlags(rawValue: entries[0].flags)).contains("$Junk"))
                #expect(entries[0].modseq == box.modseq)
            }
            #expect(try await fixture.miscounted() == [])
            #expect(try await fixture.store.file([mail], decide: FilingFixture.decide).isEmpty)
        }
    }

    @Test("a late verdict of ham only ends the work")
    func lateHam() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let mail = try await fixture.mail(to: [alice], verdict: nil)
            _ = try await fixture.store.file([mail], decide: FilingFixture.decide)
            try await fixture.work(mail, stage: .relabel, verdict: .ham)
            let outcome = try await fixture.store.file([mail], decide: FilingFixture.decide)
            #expect(outcome.relabelled == 1)
            #expect(outcome.changed.isEmpty)
            #expect(try await fixture.entries(alice).map(\.flags) == [0])
        }
    }

    @Test("what the deterministic rules need comes along for a mail without a verdict, and only then")
    func evidence() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let bytes = String(repeating: "abcdefgh", count: 5000)
            let unjudged = try await fixture.mail(to: [alice], verdict: nil, mailbox: bytes)
            let judged = try await fixture.mail(to: [alice])
            try await fixture.sql("UPDATE mail SET summary = '\\x0102'")
            let outcome = try await fixture.store.file([unjudged, judged]) { copy in
                let isExpected =
                    copy.mail == judged
                    ? copy.evidence == nil
                    : copy.evidence?.summary == [1, 2] && copy.evidence?.beginning == Array(bytes.utf8.prefix(32_768))
                return FilingDecision(folder: isExpected ? .junk : .inbox, prefix: [])
            }
            #expect(outcome.filed == 2)
            #expect(try await fixture.entries(alice).map(\.name) == ["Junk", "Junk"])
        }
    }

    @Test("evidence of any size is read a few mails at a time, and all is filed together")
    func largeEvidence() async throws {
        try await FilingFixture.with { fixture in
            let (alice, bob) = (try await fixture.account("alice"), try await fixture.account("bob"))
            var mails: [MailID] = []
            for number in 0..<8 {
                mails.append(try await fixture.mail(to: [alice, bob], verdict: number == 3 ? .ham : nil))
            }
            try await fixture.sql("UPDATE mail SET summary = convert_to(repeat('x', (1 << 20) + 1), 'UTF8')")
            let judged = mails[3]
            let outcome = try await fixture.store.file(mails) { copy in
                let size = copy.evidence?.summary.count
                let isExpected = copy.mail == judged ? size == nil : size == (1 << 20) + 1
                return FilingDecision(folder: isExpected ? .junk : .inbox, prefix: [])
            }
            #expect(outcome.filed == 16)
            #expect(try await fixture.entries(alice).map(\.name) == Array(repeating: "Junk", count: 8))
        }
    }

    @Test("a copy that waits for its mailbox's lock hears of it in time")
    func lockWait() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let mail = try await fixture.mail(to: [alice])
            var configuration = fixture.filerd.configuration
            configuration.lockTimeout = .milliseconds(50)
            let store = FilingStore(pool: PostgresPool(configuration: configuration, logger: TestDatabase.logger))
            let (locked, lock) = AsyncStream.makeStream(of: Void.self)
            let release = DispatchSemaphore(value: 0)
            async let holder: Void = fixture.owner.transaction { connection in
                try connection.script("LOCK TABLE mailbox")
                lock.yield()
                release.wait()
            }
            for await _ in locked { break }
            let error = await #expect(throws: PostgresError.self) {
                try await store.file([mail], decide: FilingFixture.decide)
            }
            #expect(error?.sqlState == "55P03")
            release.signal()
            try await holder
            #expect(try await store.file([mail], decide: FilingFixture.decide).filed == 1)
        }
    }

    @Test("parked work waits for an operator")
    func parked() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let mail = try await fixture.mail(to: [alice])
            try await fixture.sql("UPDATE work SET parked_at = now()")
            #expect(try await fixture.store.file([mail], decide: FilingFixture.decide).isEmpty)
        }
    }
}
