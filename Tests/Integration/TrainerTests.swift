import Classifier
import MailCore
import MailQueue
import MessageGrammar
import PostgreSQL
import QueueContracts
import Storage
import Synchronization
import Testing

@Suite("Training", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct TrainerTests {
    private static let versions = PreparedStatement("tr_versions", "SELECT count(*) FROM model")
    private static let learntEvents = PreparedStatement(
        "tr_events", "SELECT count(*) FROM mail_event WHERE event = 'learnt'")
    private static let samples = PreparedStatement("tr_samples", "SELECT count(*) FROM learn_sample")
    private static let waiting = PreparedStatement(
        "tr_waiting", "SELECT count(*) FROM learn_event WHERE outcome IS NULL")
    private static let learnt = PreparedStatement(
        "tr_learnt", "SELECT count(*) FROM learn_event WHERE outcome = 'learnt'")

    private static func mails(_ word: String, _ count: Int) -> [String] {
        (0..<count).map { LearnFixture.text(word, $0) }
    }

    private static func probability(_ text: String, _ model: SpamModel) -> Double {
        let extractor = FeatureExtractor()
        return model.probability(extractor.featureSet(of: MailSample(text)))
    }

    @Test("lessons become one version, are marked with it, and the workers are told")
    func learns() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", Self.mails("plum", 3))
            try await fixture.move("INBOX", to: "Junk")
            #expect(try await fixture.trainer().learnAll() == 3)
            #expect(try await fixture.noted() == ["spam learnt 2", "spam learnt 2", "spam learnt 2"])
            let (version, model) = try await fixture.model()
            #expect(version == 2 && model.examples == 3)
            #expect(try await fixture.count(Self.learntEvents) == 3)
            let published = try fixture.told.bodies(RoutingKey.modelPublished).map { try ModelPublished.decode($0) }
            #expect(published.map(\.modelVersion) == [1, 2])
            #expect(try await fixture.trainer().learnAll() == 0)
            #expect(try await fixture.count(Self.versions) == 2)
        }
    }

    @Test("ten moves into Junk change the verdict of the eleventh, and ten moves back change it again")
    func changesVerdict() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", Self.mails("plum", 10))
            try await fixture.move("INBOX", to: "Junk")
            let trainer = fixture.trainer()
            try await trainer.learnAll()
            let eleventh = LearnFixture.text("plum", 11)
            let taught = try await fixture.model().model
            #expect(Self.probability(eleventh, SpamModel()) <= 0.5)
            #expect(Self.probability(eleventh, taught) > 0.9)
            try await fixture.move("Junk", to: "INBOX")
            try await trainer.learnAll()
            let corrected = try await fixture.model().model
            #expect(Self.probability(eleventh, corrected) < Self.probability(eleventh, taught) - 0.2)
        }
    }

    @Test("two trainers at once learn every lesson once")
    func twoTrainers() async throws {
        try await LearnFixture.with { fixture in
            let words = (0..<150).map { LearnFixture.text("word\($0)", $0) }
            try await fixture.fill("INBOX", words)
            try await fixture.move("INBOX", to: "Junk")
            let (first, second) = (fixture.trainer(), fixture.trainer())
            for _ in 0..<8 {
                guard try await fixture.count(Self.waiting) > 0 else { break }
                async let one = first.learnAll()
                async let two = second.learnAll()
                _ = try await (one, two)
            }
            #expect(try await fixture.count(Self.learnt) == 150)
            let (version, model) = try await fixture.model()
            #expect(model.examples == 150)
            #expect(try await fixture.count(Self.learntEvents) == 150)
            #expect(try await fixture.noted().allSatisfy { $0.hasPrefix("spam learnt ") })
            #expect(fixture.told.bodies(RoutingKey.modelPublished).count == Int(version))
        }
    }

    @Test("a version that another trainer has made, or a lesson that it has learnt, undoes the whole")
    func compareAndSet() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", Self.mails("plum", 2))
            try await fixture.move("INBOX", to: "Junk")
            _ = try await fixture.keeper().model()
            let events = try await fixture.lessons.waiting("spam", after: 0, limit: 10).map(\.event)
            let parameters = ModelFile.encode(SpamModel())
            func version(_ base: Int64, _ lessons: [Int64]) -> LearnStore.Version {
                LearnStore.Version(
                    kind: "spam", base: base, parameters: parameters, meta: "{}", lessons: lessons, keep: 5)
            }
            #expect(try await fixture.lessons.publish(version(0, events)) == false)
            #expect(try await fixture.noted() == ["spam - 0", "spam - 0"])
            #expect(try await fixture.lessons.publish(version(1, [events[0]])))
            #expect(try await fixture.lessons.publish(version(2, events)) == false)
            #expect(try await fixture.count(Self.versions) == 2)
            #expect(try await fixture.noted() == ["spam learnt 2", "spam - 0"])
            #expect(try await fixture.trainer().learnAll() == 1)
            #expect(try await fixture.noted() == ["spam learnt 2", "spam learnt 3"])
        }
    }

    @Test("what is said twice is learnt once, and the last word counts")
    func lastWord() async throws {
        try await LearnFixture.with { fixture in
            let trainer = fixture.trainer()
            try await fixture.fill("INBOX", Self.mails("plum", 1))
            try await fixture.move("INBOX", to: "Junk")
            try await fixture.move("Junk", to: "INBOX")
            try await trainer.learnAll()
            #expect(try await fixture.noted() == ["spam superseded 0", "ham learnt 2"])
            try await fixture.move("INBOX", to: "Junk")
            try await fixture.move("Junk", to: "Archive")
            try await trainer.learnAll()
            #expect(try await fixture.noted().suffix(2) == ["spam superseded 0", "ham repeated 0"])
            #expect(try await fixture.count(Self.versions) == 2)
        }
    }

    @Test("one account teaches no more than a day allows; the operator is not counted")
    func dailyLimit() async throws {
        try await LearnFixture.with { fixture in
            var options = Trainer.Options()
            options.dailyLimit = 3
            let trainer = fixture.trainer(options)
            _ = try await fixture.samples.add(
                [Array("Subject: x\r\n\r\nx\r\n".utf8)], .init(label: .spam, account: fixture.account))
            try await fixture.fill("INBOX", Self.mails("plum", 5))
            try await fixture.move("INBOX", to: "Junk")
            #expect(try await trainer.learnAll() == 4)
            #expect(
                try await fixture.noted().map { $0.split(separator: " ")[1] }
                    == ["learnt", "learnt", "learnt", "learnt", "over-limit", "over-limit"])
            try await fixture.fill("INBOX", Self.mails("pear", 1))
            try await fixture.move("INBOX", to: "Junk")
            #expect(try await trainer.learnAll() == 0)
            try await fixture.sql(
                "UPDATE learn_event SET noted_at = noted_at - interval '2 days' WHERE outcome = 'learnt'")
            try await fixture.fill("INBOX", Self.mails("apple", 1))
            try await fixture.move("INBOX", to: "Junk")
            #expect(try await trainer.learnAll() == 1)
        }
    }

    @Test("a mail that is gone, and odd ones, hold nothing up")
    func goneAndOdd() async throws {
        try await LearnFixture.with { fixture in
            let mails = try await fixture.fill(
                "INBOX", ["Subject: gone\r\n\r\n", "x", "\r\n", "Subject: \0\r\n\r\n\u{FFFD}"])
            try await fixture.move("INBOX", to: "Junk")
            try await fixture.sql(
                "DELETE FROM body_chunk WHERE body_id = (SELECT body_id FROM mail WHERE mail_id = '\(mails[0])'); "
                    + "UPDATE mail SET summary = '\\xff' WHERE mail_id = '\(mails[1])'")
            try await fixture.trainer().learnAll()
            let outcomes = try await fixture.noted()
            #expect(outcomes.count { $0.contains("gone") } == 1 && outcomes.count { $0.contains("learnt") } == 3)
        }
    }

    @Test("lessons of a trainer that ended are taken up after its time, fewer at a time, and at last given up")
    func endedTrainer() async throws {
        try await LearnFixture.with { fixture in
            let trainer = fixture.trainer()
            try await fixture.fill("INBOX", Self.mails("plum", 10))
            try await fixture.move("INBOX", to: "Junk")
            let events = try await fixture.lessons.waiting("spam", after: 0, limit: 100).map(\.event)
            try await fixture.lessons.begin(events)
            #expect(try await trainer.learnAll() == 0)
            try await fixture.sql("UPDATE learn_event SET lease_until = now() - interval '1 s'")
            try await fixture.sql("UPDATE learn_event SET tries = 2")
            try await fixture.sql("UPDATE learn_event SET tries = 8 WHERE event_id = \(events[9])")
            #expect(try await trainer.learnAll() == 9)
            let outcomes = try await fixture.noted()
            #expect(outcomes.prefix(8).allSatisfy { $0 == "spam learnt 2" })
            #expect(outcomes.suffix(2) == ["spam learnt 3", "spam failed 0"])
        }
    }

    @Test("samples are learnt, deleted, and known the next time; another label is another lesson")
    func operatorSamples() async throws {
        try await LearnFixture.with { fixture in
            let given = Self.mails("plum", 4).map { Array($0.utf8) }
            #expect(try await fixture.samples.add(given + given, .init(label: .spam)).lessons == 4)
            #expect(try await fixture.samples.waitingSamples() == 4)
            #expect(try await fixture.trainer().learnAll() == 4)
            #expect(try await fixture.count(Self.samples) == 0)
            #expect(try await fixture.samples.waitingSamples() == 0)
            #expect(try await fixture.samples.add(given, .init(label: .spam)).lessons == 0)
            #expect(try await fixture.samples.add([given[0]], .init(label: .ham, category: .newsletter)).lessons == 1)
            let waiting = try await fixture.lessons.waiting("spam", after: 0, limit: 10)
            #expect(waiting.first?.category == .newsletter && waiting.first?.bytes == given[0])
            #expect(try await fixture.model().model.examples == 4)
        }
    }

    @Test("many lessons go into several versions, and old versions are deleted")
    func prunes() async throws {
        try await LearnFixture.with { fixture in
            var options = Trainer.Options()
            options.versionsKept = 2
            let trainer = fixture.trainer(options)
            for word in ["plum", "pear", "apple"] {
                try await fixture.fill("INBOX", Self.mails(word, 1))
                try await fixture.move("INBOX", to: "Junk")
                try await trainer.learnAll()
            }
            #expect(try await fixture.count(Self.versions) == 2)
            #expect(try await fixture.models.newest("spam").model?.version == 4)
            #expect(try await fixture.keeper().model().version == 4)
        }
    }

    @Test("lessons that were refused are forgotten after a while, those that were learnt are not")
    func forgets() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", Self.mails("plum", 1))
            try await fixture.move("INBOX", to: "Junk")
            try await fixture.move("Junk", to: "INBOX")
            try await fixture.trainer().learnAll()
            #expect(try await fixture.noted() == ["spam superseded 0", "ham learnt 2"])
            try await fixture.lessons.forgetRefused()
            #expect(try await fixture.noted().count == 2)
            try await fixture.sql("UPDATE learn_event SET settled_at = now() - interval '31 days'")
            try await fixture.lessons.forgetRefused()
            #expect(try await fixture.noted() == ["ham learnt 2"])
        }
    }

    @Test("summaries of any size are read a few at a time")
    func largeSummaries() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", Self.mails("plum", 7))
            try await fixture.move("INBOX", to: "Junk")
            try await fixture.sql("UPDATE mail SET summary = summary || convert_to(repeat('x', 1 << 20), 'UTF8')")
            let page = try await fixture.lessons.waiting("spam", after: 0, limit: 64)
            #expect(page.count == 3)
            #expect(try await fixture.trainer().learnAll() == 7)
        }
    }

    @Test("after a restore every worker uses what is there, also under a number that it knows, and learning goes on")
    func restored() async throws {
        try await LearnFixture.with { fixture in
            let keeper = fixture.keeper()
            let trainer = fixture.trainer(keeper: keeper)
            for word in ["plum", "pear"] {
                try await fixture.fill("INBOX", Self.mails(word, 1))
                try await fixture.move("INBOX", to: "Junk")
                try await trainer.learnAll()
            }
            #expect(try await keeper.newest().version == 3)
            try await fixture.sql("DELETE FROM model WHERE version = 3")
            #expect(try await keeper.newest().version == 2)
            try await fixture.fill("INBOX", Self.mails("apple", 1))
            try await fixture.move("INBOX", to: "Junk")
            #expect(try await trainer.learnAll() == 1)
            #expect(try await keeper.newest().version == 3)
            // The same number again, another model.
            try await fixture.sql(
                "UPDATE model SET made_at = now(), parameters = (SELECT parameters FROM model WHERE version = 2) "
                    + "WHERE version = 3")
            #expect(try await keeper.newest().model.examples == 1)
            try await fixture.sql("DELETE FROM model")
            #expect(try await keeper.newest().version == 1)
        }
    }

    @Test("a trainer that is overtaken twice on the same model leaves it for the next look")
    func overtakenForEver() async throws {
        try await LearnFixture.with { fixture in
            try await fixture.fill("INBOX", Self.mails("plum", 1))
            try await fixture.move("INBOX", to: "Junk")
            // What is published is never there afterwards.
            try await fixture.sql(
                "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
            _ = try await fixture.keeper().model()
            try await fixture.sql(
                "CREATE TRIGGER nothing BEFORE INSERT ON model FOR EACH ROW EXECUTE FUNCTION nothing()")
            #expect(try await fixture.trainer().learnAll() == 0)
            #expect(try await fixture.noted() == ["spam - 0"])
        }
    }

    @Test("lessons that take too long end the process")
    func hangs() async throws {
        try await LearnFixture.with { fixture in
            // Longer than no time: there is no lesson that hangs for ever.
            let long = String(repeating: "plum and pear and apple and cherry ", count: 2000)
            try await fixture.fill("INBOX", Self.mails("plum", 16).map { $0 + long })
            try await fixture.move("INBOX", to: "Junk")
            let ends = Mutex(0)
            let deadline = BatchProcessor.Deadline(together: .zero, alone: .zero) { ends.withLock { $0 += 1 } }
            #expect(try await fixture.trainer(deadline: deadline).learnAll() == 16)
            #expect(ends.withLock { $0 } == 1)
        }
    }

    @Test("nothing is learnt on top of a model that cannot be read")
    func unreadableModel() async throws {
        try await LearnFixture.with { fixture in
            _ = try await fixture.models.publish("spam", after: 0, parameters: [1, 2, 3], meta: "{}")
            try await fixture.fill("INBOX", Self.mails("plum", 1))
            try await fixture.move("INBOX", to: "Junk")
            let trainer = fixture.trainer()
            await #expect(throws: (any Error).self) { try await trainer.learnAll() }
            #expect(try await fixture.noted() == ["spam - 0"])
            #expect(try await fixture.count(Self.versions) == 1)
        }
    }

    @Test("a trace says what was said of the mail, and what the model knew")
    func trace() async throws {
        try await LearnFixture.with { fixture in
            let mails = try await fixture.fill("INBOX", Self.mails("plum", 2))
            try await fixture.move("INBOX", to: "Junk")
            try await fixture.trainer().learnAll()
            try await fixture.sql("UPDATE mail SET envelope_from = 'x@remote.test'")
            try await fixture.sql(
                "INSERT INTO verdict (mail_id, label, probability, reasons, model_version) "
                    + "VALUES ('\(mails[0])', 'spam', 1, '[]', 2)")
            guard case .found(let trace) = try await MailTraceStore(pool: fixture.owner).find("\(mails[0])") else {
                Issue.record("no trace")
                return
            }
            #expect(trace.lessons.map(\.label) == ["spam"] && trace.lessons.first?.model == 2)
            #expect(trace.learning?.spam == 2 && trace.learning?.nearMails == [mails[1]])
            #expect(trace.humanText.contains("model   2 knew 2 lessons (2 spam, 0 ham)"))
            #expect(trace.humanText.contains("(moved into Junk)"))
        }
    }
}

extension MailSample {
    fileprivate init(_ text: String) {
        let bytes = Array(text.utf8)
        var scanner = MessageScanner()
        scanner.feed(bytes)
        self.init(bytes: bytes, summary: scanner.finish())
    }
}
