import Classifier
import FoundationEssentials
import MailCore
import MailQueue
import MessageGrammar
import PostgreSQL
import QueueContracts
import Storage
import Synchronization

/// A database with mails that wait for a verdict, and a pool with classifyd's own role, so that its rights are
/// tested too.
struct ClassifyFixture {
    let owner: PostgresPool
    let classifyd: PostgresPool
    let told = Told()

    /// What was published: routing key and body.
    final class Told: Sendable {
        private let messages = Mutex<[(key: String, body: [UInt8])]>([])
        func add(_ key: String, _ body: [UInt8]) { messages.withLock { $0.append((key, body)) } }
        func bodies(_ key: String) -> [[UInt8]] { messages.withLock { $0.filter { $0.key == key }.map(\.body) } }
    }

    static func with<T>(_ body: (ClassifyFixture) async throws -> T) async throws -> T {
        try await TestDatabase.with { configuration in
            var restricted = configuration
            restricted.url = FilingFixture.withRole("martlet_classifyd", configuration.url)
            return try await body(
                ClassifyFixture(
                    owner: PostgresPool(configuration: configuration, logger: TestDatabase.logger),
                    classifyd: PostgresPool(configuration: restricted, logger: TestDatabase.logger)))
        }
    }

    var hints: HintPublisher {
        HintPublisher { [told] _, key, body in
            told.add(key, body)
            return true
        }
    }

    func keeper(snapshot: [UInt8] = ModelFile.encode(SpamModel())) -> ModelKeeper {
        ModelKeeper(store: ModelStore(pool: classifyd), hints: hints, logger: TestDatabase.logger) { snapshot }
    }

    func worker(_ keeper: ModelKeeper? = nil) -> ClassifyWorker {
        ClassifyWorker(store: ClassifyStore(pool: classifyd), keeper: keeper ?? self.keeper(), hints: hints, threads: 2)
    }

    /// Accepted mails, as smtpd commits them: one local and one foreign recipient each.
    func accept(_ texts: [String], summarised: Bool = true) async throws -> [MailHint.Entry] {
        let mails = texts.map { text -> AcceptedMail in
            let bytes = Array(text.utf8)
            var scanner = MessageScanner()
            scanner.feed(bytes)
            return AcceptedMail(
                id: .next(), body: .inline(bytes), receivedAt: .now(), origin: .mx, envelopeFrom: "a@remote.test",
                submitter: nil, peer: "192.0.2.1", helo: "remote.test", size: bytes.count, traceparent: .start(),
                summary: summarised ? scanner.finish().encoded() : [0xFF],
                recipients: [
                    AcceptedRecipient(address: "alice@local.test", account: AccountID(1)),
                    AcceptedRecipient(address: "x@foreign.test", account: nil),
                ])
        }
        _ = try await owner.withConnection { try AcceptanceStore(pool: owner).commit(mails, on: $0) }
        return mails.map { MailHint.Entry(mail: $0.id, traceparent: $0.traceparent) }
    }

    func sql(_ text: String) async throws { try await owner.withConnection { try $0.script(text) } }

    func count(_ statement: PreparedStatement) async throws -> Int64 { try await owner.number(statement) }

    struct Row: Equatable {
        var label: String
        var model: Int64
        var reasons: String
    }

    func verdict(_ mail: MailID) async throws -> Row? {
        try await owner.withConnection { connection in
            try connection.execute(Self.select, [.uuid(high: mail.uuid.high, low: mail.uuid.low)]).first.map {
                Row(label: try $0.text(0), model: try $0.int8(1), reasons: try $0.text(2))
            }
        }
    }

    private static let select = PreparedStatement(
        "cf_verdict", "SELECT label, model_version, reasons::text FROM verdict WHERE mail_id = $1")
}
