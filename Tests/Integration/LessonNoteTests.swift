import MailCore
import PostgreSQL
import QueueContracts
import Storage
import Testing

@Suite("Lessons are noted", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct LessonNoteTests {
    private static let reported = PreparedStatement(
        "ln_reported", "SELECT count(*) FROM mail_event WHERE event = 'reported'")
    private static let ham = LearnFixture.text("plum", 1)

    @Test(
        "what a move says",
        arguments: [
            ("INBOX", "Junk", "spam"), ("Archive", "Junk", "spam"), ("Trash", "Junk", "spam"), ("Junk", "INBOX", "ham"),
            ("Junk", "Archive", "ham"), ("Junk", "Trash", nil), ("Sent", "Junk", nil), ("Junk", "Drafts", nil),
            ("INBOX", "Archive", nil), ("INBOX", "Trash", nil), ("Junk", "Junk", nil),
        ] as [(String, String, String?)])
    func meaning(from: String, into: String, label: String?) async throws {
        try await LearnFixture.with { fixture in
            let mails = try await fixture.fill(from, [Self.ham, Self.ham])
            let moved = try await fixture.move(from, to: into)
            #expect(moved.lessons.map(\.mail) == (label == nil ? [] : mails.sorted()))
            let expected = label.map { ["\($0) - 0", "\($0) - 0"] } ?? []
            #expect(try await fixture.noted() == expected)
            #expect(try await fixture.count(Self.reported) == Int64(expected.count))
        }
    }

    @Test("a copy says the same, and what is expunged afterwards says nothing more")
    func copyAndExpunge() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", [Self.ham])
            #expect(try await fixture.copy("INBOX", to: "Junk").lessons.count == 1)
            let inbox = try await fixture.mailbox("INBOX")
            _ = try await fixture.mailboxes.changeFlags(
                inbox.key, UIDRuns(1...1), .add(NamedFlags(system: .deleted)))
            _ = try await fixture.mailboxes.expunge(inbox.key, UIDRuns(1...1))
            #expect(try await fixture.noted() == ["spam - 0"])
        }
    }

    @Test("a command that fails notes nothing")
    func rollback() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", [Self.ham])
            try await fixture.sql("UPDATE mailbox SET uidnext = 4294967296 WHERE name = 'Junk'")
            await #expect(throws: MailboxError.noUIDsLeft) { try await fixture.move("INBOX", to: "Junk") }
            #expect(try await fixture.noted().isEmpty)
            #expect(try await fixture.count(Self.reported) == 0)
        }
    }

    @Test("two copies of one mail are one lesson")
    func doubled() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", [Self.ham])
            try await fixture.copy("INBOX", to: "Archive")
            try await fixture.move("INBOX", to: "Archive")
            #expect(try await fixture.move("Archive", to: "Junk").lessons.count == 1)
            #expect(try await fixture.noted() == ["spam - 0"])
        }
    }

    @Test("accessd reads no lessons")
    func rights() async throws {
        try await LearnFixture.with { fixture in
            let statement = PreparedStatement("ln_forbidden", "SELECT count(*) FROM learn_event")
            await #expect(throws: PostgresError.self) { try await fixture.accessd.number(statement) }
        }
    }
}
