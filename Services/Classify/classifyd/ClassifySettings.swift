import AMQP
import Classifier
import FoundationEssentials
import MailQueue
import PostgreSQL
import QueueContracts
import ServiceKit

/// What classifyd reads from its settings (`SettingKey.classifyd`).
struct ClassifySettings {
    let postgres: PostgresConfiguration
    let tries: BatchProcessor.Deadline
    let amqp: AMQPConfiguration
    let queueType: QueueType
    let snapshot: String
    let threads: Int
    let learning: Trainer.Options

    init(_ settings: Settings) throws {
        let tryLimit = try settings.duration("queues.try_limit")
        tries = .endsProcess(after: tryLimit)
        var postgres = PostgresConfiguration(
            url: try settings.required("postgres.url"),
            connections: try settings.int("postgres.connections"),
            applicationName: "martlet-classifyd")
        postgres.lockTimeout = BatchProcessor.lockTimeout(tryLimit)
        self.postgres = postgres
        amqp = try AMQPConfiguration(url: try settings.required("amqp.url"), name: "martlet-classifyd")
        queueType = try settings.choice("queues.type", default: QueueType.classic)
        threads = try settings.int("classify.threads")
        var learning = Trainer.Options()
        learning.dailyLimit = try settings.int("learn.daily_limit")
        learning.interval = try settings.duration("learn.interval")
        learning.versionsKept = try settings.int("learn.versions_kept")
        self.learning = learning
        let configured = settings.string("classify.snapshot", default: "")
        guard let found = configured.isEmpty ? SnapshotFile.find() : configured,
            FileManager.default.isReadableFile(atPath: found)
        else { throw SnapshotFile.Unreadable(path: configured.isEmpty ? SnapshotFile.name : configured) }
        snapshot = found
    }
}

/// The model that ships with the program.
enum SnapshotFile {
    static let name = "spam.model"
    private static let maximumBytes = 64 << 20

    struct Unreadable: Error, CustomStringConvertible {
        let path: String
        var description: String {
            "cannot read the snapshot \(path); \(Settings.variable(of: "classify.snapshot")) names the file"
        }
    }

    static func read(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path), data.count <= maximumBytes else {
            throw Unreadable(path: path)
        }
        return [UInt8](data)
    }

    /// Beside an installed binary (`share/martlet`), or in the source tree that it was built in.
    static func find() -> String? {
        guard let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            return nil
        }
        var folder = link[..<(link.lastIndex(of: "/") ?? link.startIndex)]
        for _ in 0..<6 {
            for place in ["share/martlet/\(name)", "share/\(name)", "Services/Classify/Classifier/Snapshot/\(name)"] {
                let path = "\(folder)/\(place)"
                if FileManager.default.isReadableFile(atPath: path) { return path }
            }
            guard let slash = folder.lastIndex(of: "/") else { break }
            folder = folder[..<slash]
        }
        return nil
    }
}
