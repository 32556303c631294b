import Classifier
import MailCore
import MailQueue
import MessageGrammar
import PostgreSQL
import QueueContracts
import Storage
import Testing

/// A database with one account, seen with the roles of accessd (which notes lessons) and classifyd (which learns them).
struct LearnFixture {
    let owner: PostgresPool
    let accessd: PostgresPool
    let classifyd: PostgresPool
    let account: AccountID
    let told = ClassifyFixture.Told()

    var mailboxes: MailboxStore { MailboxStore(pool: accessd) }
    var lessons: LearnStore { LearnStore(pool: classifyd) }
    /// The operator's.
    var samples: LearnStore { LearnStore(pool: owner) }
    var models: ModelStore { ModelStore(pool: classifyd) }

    static func with<T>(_ body: (LearnFixture) async throws -> T) async throws -> T {
        try await TestDatabase.with { configuration in
            let owner = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            func pool(_ role: String) -> PostgresPool {
                var restricted = configuration
                restricted.url = FilingFixture.withRole(role, configuration.url)
                return PostgresPool(configuration: restricted, logger: TestDatabase.logger)
            }
            let account = try await owner.transaction { connection in
                let id = try connection.execute(insertAccount).first?.int8(0) ?? 0
                _ = try connection.pipeline(MailboxProvisioning.calls(for: [AccountID(id)]))
                return AccountID(id)
            }
            return try await body(
                LearnFixture(
                    owner: owner, accessd: pool("martlet_accessd"), classifyd: pool("martlet_classifyd"),
                    account: account))
        }
    }

    var hints: HintPublisher {
        HintPublisher { [told] _, key, body in
            told.add(key, body)
            return true
        }
    }

    func keeper() -> ModelKeeper {
        ModelKeeper(store: models, hints: hints, logger: TestDatabase.logger) { ModelFile.encode(SpamModel()) }
    }

    /// A process that trains.
    func trainer(
        _ options: Trainer.Options = Trainer.Options(), keeper: ModelKeeper? = nil,
        deadline: BatchProcessor.Deadline = .endsProcess(after: .seconds(60))
    ) -> Trainer {
        Trainer(
            store: lessons, keeper: keeper ?? self.keeper(), hints: hints, consumer: nil, options: options,
            deadline: deadline, logger: TestDatabase.logger)
    }

    /// The newest model of the database.
    func model() async throws -> (version: Int64, model: SpamModel) {
        let stored = try #require(try await models.newest("spam").model)
        return (stored.version, try ModelFile.decode(stored.parameters))
    }

    func mailbox(_ name: String) async throws -> MailboxRecord {
        guard let found = try await mailboxes.find(account, name: name) else { throw MailboxError.noSuchMailbox }
        return found
    }

    /// Puts mails into a mailbox.
    @discardableResult
    func fill(_ name: String, _ texts: [String]) async throws -> [MailID] {
        let mailbox = try await self.mailbox(name)
        var mails: [MailID] = []
        for text in texts {
            let bytes = Array(text.utf8)
            var scanner = MessageScanner()
            scanner.feed(bytes)
            let mail = MailID.next()
            _ = try await AppendStore(pool: accessd).append(
                AppendedMessage(
                    mail: mail, body: .inline(bytes), flags: NamedFlags(), internalDate: .now(), receivedAt: .now(),
                    peer: "127.0.0.1", traceparent: .start(), summary: scanner.finish().encoded()),
                to: account, name: mailbox.name)
            mails.append(mail)
        }
        return mails
    }

    /// Moves all messages.
    @discardableResult
    func move(_ from: String, to: String) async throws -> CopyOutcome {
        try await mailboxes.move(
            from: mailbox(from).key, UIDRuns(1...UInt32.max), keywords: [], to: mailbox(to))
    }

    @discardableResult
    func copy(_ from: String, to: String) async throws -> CopyOutcome {
        try await mailboxes.copy(
            from: mailbox(from).key, UIDRuns(1...UInt32.max), keywords: [], to: mailbox(to))
    }

    func sql(_ text: String) async throws { try await owner.withConnection { try $0.script(text) } }

    /// Lessons in order: label, outcome or `-`, version or 0.
    func noted() async throws -> [String] {
        try await owner.withConnection { connection in
            try connection.execute(Self.selectLessons).map {
                "\(try $0.text(0)) \(try $0.text(1)) \(try $0.int8(2))"
            }
        }
    }

    func count(_ statement: PreparedStatement) async throws -> Int64 { try await owner.number(statement) }

    /// Like another with the same word, unlike all others.
    static func text(_ word: String, _ number: Int) -> String {
        """
        From: Someone <\(word)@remote.test>\r
        To: alice@example.test\r
        Subject: \(word) offer \(number)\r
        \r
        Dear friend, the \(word) of the day: take the \(word) now, number \(number), and tell nobody.\r

        """
    }

    private static let insertAccount = PreparedStatement(
        "learn_fixture_account",
        "INSERT INTO account (address, scram) VALUES ('alice@example.test', 'x') RETURNING account_id")

    private static let selectLessons = PreparedStatement(
        "learn_fixture_lessons",
        "SELECT label, coalesce(outcome, '-'), coalesce(learnt_version, 0) FROM learn_event ORDER BY event_id")
}

extension ModelStore.Newest {
    /// Of an answer that is neither "none" nor "the one you know".
    var model: StoredModel? { if case .other(let model) = self { model } else { nil } }
}
