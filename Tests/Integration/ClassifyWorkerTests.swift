import Classifier
import MailCore
import PostgreSQL
import QueueContracts
import Storage
import Testing

@Suite("Classification", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct ClassifyWorkerTests {
    private static let pattern = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    private static let ham = "From: a@remote.test\r\nSubject: lunch\r\n\r\nlunch at noon?\r\n"
    private static let spam = "From: a@remote.test\r\nSubject: x\r\n\r\n\(pattern)\r\n"

    private static let classifyWork = PreparedStatement(
        "ct_classify", "SELECT count(*) FROM work WHERE stage IN (1, 4)")
    private static let fileWork = PreparedStatement(
        "ct_file",
        "SELECT count(*) FROM work JOIN recipient USING (mail_id, recipient) WHERE stage = 2 AND account_id IS NOT NULL"
    )
    private static let allFileWork = PreparedStatement("ct_file_all", "SELECT count(*) FROM work WHERE stage = 2")
    private static let relabelWork = PreparedStatement(
        "ct_relabel", "SELECT count(*) FROM work WHERE stage = 5 AND recipient = 0")
    private static let verdicts = PreparedStatement("ct_verdicts", "SELECT count(*) FROM verdict")
    private static let events = PreparedStatement(
        "ct_events", "SELECT count(*) FROM mail_event WHERE event = 'classified'")
    private static let models = PreparedStatement("ct_models", "SELECT count(*) FROM model")

    private func hinted(_ fixture: ClassifyFixture) throws -> [MailID] {
        try fixture.told.bodies(RoutingKey.mailClassified).flatMap {
            try MailHint.decode($0, schema: RoutingKey.mailClassified).mails.map(\.mail)
        }
    }

    @Test("a batch gets its verdicts, file work for local copies, events and one hint")
    func batch() async throws {
        try await ClassifyFixture.with { fixture in
            let entries = try await fixture.accept([Self.ham, Self.spam, Self.ham])
            try await fixture.worker().handle(entries)
            #expect(try await fixture.verdict(entries[0].mail)?.label == "ham")
            let spam = try #require(try await fixture.verdict(entries[1].mail))
            #expect(spam.label == "spam" && spam.model == 1 && spam.reasons.contains("rule.test-pattern"))
            #expect(try await fixture.count(Self.classifyWork) == 0)
            #expect(try await fixture.count(Self.fileWork) == 3)
            #expect(try await fixture.count(Self.allFileWork) == 3)
            #expect(try await fixture.count(Self.events) == 3)
            #expect(try hinted(fixture) == entries.map(\.mail).sorted())
        }
    }

    @Test("more mails than one round holds")
    func manyMails() async throws {
        try await ClassifyFixture.with { fixture in
            let entries = try await fixture.accept(Array(repeating: Self.ham, count: 200))
            try await fixture.worker().handle(entries)
            #expect(try await fixture.count(Self.verdicts) == 200)
            #expect(Set(try hinted(fixture)).count == 200)
        }
    }

    @Test("summaries of any size are read a few at a time")
    func largeSummaries() async throws {
        try await ClassifyFixture.with { fixture in
            let entries = try await fixture.accept(Array(repeating: Self.spam, count: 9))
            try await fixture.sql("UPDATE mail SET summary = summary || convert_to(repeat('x', 1 << 20), 'UTF8')")
            let mails = entries.map(\.mail).reversed()
            let first = try await ClassifyStore(pool: fixture.classifyd).waiting(Array(mails), bytesPerMail: 100)
            #expect(first.mails.map(\.mail) == Array(mails.sorted()[..<3]))
            #expect(Set(first.rest) == Set(mails.sorted()[3...]))
            try await fixture.worker().handle(entries)
            #expect(try await fixture.count(Self.verdicts) == 9)
            #expect(Set(try hinted(fixture)) == Set(mails))
        }
    }

    @Test("a hint that comes twice, or to two workers at once, writes one verdict")
    func repeated() async throws {
        try await ClassifyFixture.with { fixture in
            let entries = try await fixture.accept(Array(repeating: Self.ham, count: 40))
            let (first, second) = (fixture.worker(), fixture.worker())
            async let one: Void = first.handle(entries)
            async let two: Void = second.handle(entries.reversed())
            _ = try await (one, two)
            try await first.handle(entries)
            #expect(try await fixture.count(Self.verdicts) == 40)
            #expect(try await fixture.count(Self.events) == 40)
            #expect(try await fixture.count(Self.fileWork) == 40)
            #expect(try hinted(fixture).count == 40)
        }
    }

    @Test("the verdict of a mail that was filed without one becomes a relabel row, and files nothing again")
    func late() async throws {
        try await ClassifyFixture.with { fixture in
            let entries = try await fixture.accept([Self.spam])
            try await fixture.sql("UPDATE work SET stage = 4")
            try await fixture.worker().handle(entries)
            #expect(try await fixture.count(Self.relabelWork) == 1)
            #expect(try await fixture.count(Self.allFileWork) == 0)
            #expect(try hinted(fixture) == entries.map(\.mail))
        }
    }

    @Test("a verdict is never overwritten")
    func keepsVerdict() async throws {
        try await ClassifyFixture.with { fixture in
            let entries = try await fixture.accept([Self.spam])
            try await fixture.sql(
                "INSERT INTO verdict (mail_id, label, probability, reasons, model_version) "
                    + "SELECT mail_id, 'ham', 0, '[]', 9 FROM mail"
            )
            try await fixture.worker().handle(entries)
            #expect(
                try await fixture.verdict(entries[0].mail) == ClassifyFixture.Row(label: "ham", model: 9, reasons: "[]")
            )
            #expect(try await fixture.count(Self.classifyWork) == 0)
        }
    }

    @Test("leaves parked mail alone")
    func parked() async throws {
        try await ClassifyFixture.with { fixture in
            let entries = try await fixture.accept([Self.ham])
            try await fixture.sql("UPDATE work SET parked_at = now()")
            try await fixture.worker().handle(entries)
            #expect(try await fixture.count(Self.verdicts) == 0)
            #expect(try hinted(fixture).isEmpty)
        }
    }

    @Test("judges odd mail: no summary, no header, no text, NUL and bytes above ASCII")
    func oddMail() async throws {
        try await ClassifyFixture.with { fixture in
            let texts = ["", "\r\n", "x", "Subject: \u{FFFD}\0z\r\n\r\n\0\u{1A}", Self.spam]
            let entries = try await fixture.accept(texts, summarised: false)
            try await fixture.worker().handle(entries)
            #expect(try await fixture.count(Self.verdicts) == 5)
            #expect(try await fixture.verdict(entries[4].mail)?.label == "spam")
        }
    }

    @Test("several workers that start at once agree on one first model")
    func firstModel() async throws {
        try await ClassifyFixture.with { fixture in
            let keepers = (0..<4).map { _ in fixture.keeper() }
            let versions = try await withThrowingTaskGroup(of: Int64.self) { group in
                for keeper in keepers { group.addTask { try await keeper.model().version } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(versions == [1, 1, 1, 1])
            #expect(try await fixture.count(Self.models) == 1)
            #expect(fixture.told.bodies(RoutingKey.modelPublished).count == 1)
        }
    }

    @Test("a newer version is published once, and found")
    func newerModel() async throws {
        try await ClassifyFixture.with { fixture in
            let store = ModelStore(pool: fixture.classifyd)
            let model = ModelFile.encode(SpamModel())
            var published: [Bool] = []
            for base: Int64 in [0, 0, 1, 1] {
                published.append(try await store.publish("spam", after: base, parameters: model, meta: "{}"))
            }
            #expect(published == [true, false, true, false])
            let newest = try #require(try await store.newest("spam").model)
            #expect(newest.version == 2)
            guard case .known = try await store.newest("spam", besides: newest.id) else {
                Issue.record("read again")
                return
            }
            #expect(try await fixture.keeper().model().version == 2)
        }
    }

    @Test("a snapshot that is damaged is no model")
    func damagedSnapshot() async throws {
        try await ClassifyFixture.with { fixture in
            await #expect(throws: ModelFile.Failure.notAModel) {
                try await fixture.keeper(snapshot: [1, 2, 3]).model()
            }
            let models = try await fixture.count(Self.models)
            #expect(models == 0)
        }
    }
}
