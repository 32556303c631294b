import MailCore
import PostgreSQL
import Storage
import Testing

@Suite("Trace of a mail", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct FilingTraceTests {
    private func found(_ lookup: MailTraceStore.Lookup) -> MailTrace? {
        if case .found(let trace) = lookup { trace } else { nil }
    }

    @Test("shows hops, verdict, mailbox and unfinished work")
    func trace() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let mail = try await fixture.mail(to: [alice], verdict: .spam)
            let store = MailTraceStore(pool: fixture.owner)

            let before = try #require(found(try await store.find("\(mail)")))
            #expect(before.work.map(\.stage) == ["file"])
            #expect(before.copies.isEmpty)
            #expect(before.humanText.contains("in no mailbox"))

            _ = try await fixture.store.file([mail], decide: FilingFixture.decide)
            // Without dashes, in capitals, all but the last digits.
            let digits = "\(mail)".filter { $0 != "-" }.uppercased()
            let after = try #require(found(try await store.find(String(digits.prefix(30)))))
            #expect(after.isFinished)
            #expect(after.copies.map(\.mailbox) == ["Junk"])
            #expect(after.events.map(\.event) == ["filed"])
            #expect(after.events.first?.detail["uid"] == .integer(1))
            #expect((after.events.first?.seconds ?? 0) > 59)
            #expect(after.verdict?.label == .spam)
            #expect(after.verdict?.reasons.first?.code == "words.subject")
            #expect(after.recipients.map(\.address) == ["alice@example.test"])
            let text = after.humanText
            #expect(text.contains("Junk, UID 1, unseen"))
            #expect(text.contains("+2.500  words.subject: the word casino"))
        }
    }

    @Test("says when nothing or more than one mail fits")
    func lookups() async throws {
        try await FilingFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let first = try await fixture.mail(to: [alice])
            _ = try await fixture.mail(to: [alice])
            let store = MailTraceStore(pool: fixture.owner)
            if case .ambiguous(let mails) = try await store.find(String("\(first)".prefix(6))) {
                #expect(mails.count == 2)
            } else {
                Issue.record("not ambiguous")
            }
            guard case .none = try await store.find("ffffffff") else { throw PostgresError(.decoding, "found") }
            for text in ["", "xyz", "01", "01 or 1=1", String(repeating: "a", count: 33), "٠١٢٣"] {
                guard case .notAnIdentifier = try await store.find(text) else {
                    Issue.record("\(text) counted as an identifier")
                    continue
                }
            }
        }
    }
}
