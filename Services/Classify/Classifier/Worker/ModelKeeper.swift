package import AMQP
package import Logging
import MailCore
package import MailQueue
import QueueContracts
import ServiceKit
import ServiceLifecycle
package import Storage
import Synchronization

/// Holds the newest model of PostgreSQL, the same one as every other worker, and puts the snapshot there if there is
/// none.
///
/// The bus says when there is a newer version; after each connect to the bus, and when the model is first needed, it
/// looks for itself. It takes the newest one also when that is older than its own, as after a restore from a backup. A
/// model that cannot be read leaves the one before it in use, or the snapshot.
package final class ModelKeeper: Service, Sendable {
    /// Of `model.kind`.
    package static let kind = "spam"

    package struct Loaded: Sendable {
        /// Version 0: the snapshot, in place of a model that cannot be read.
        package let id: StoredModel.ID
        package var version: Int64 { id.version }
        package let model: SpamModel
    }

    private let store: ModelStore
    private let hints: HintPublisher
    private let snapshot: @Sendable () throws -> [UInt8]
    private let logger: Logger
    private let loaded = Mutex<Loaded?>(nil)
    private let turn = Turn()
    private let wakeups = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    private static let version = Metric.Gauge("mail_classify_model_version", help: "Version of the model in use.")
    private static let failures = Metric.Counter(
        "mail_classify_model_failures_total", help: "Looks for a newer model that failed.")

    /// - Parameter snapshot: reads the model that a new installation starts with.
    package init(
        store: ModelStore, hints: HintPublisher, logger: Logger, snapshot: @escaping @Sendable () throws -> [UInt8]
    ) {
        self.store = store
        self.hints = hints
        self.snapshot = snapshot
        self.logger = logger
    }

    /// Asks for a look at the newest version; never blocks.
    package func lookAgain() { wakeups.continuation.yield() }

    /// Whether a model of PostgreSQL is in use; `false` also while the snapshot stands in for one that cannot be read.
    package var isLoaded: Bool { loaded.withLock { $0.map { $0.version > 0 } ?? false } }

    /// The model to judge with.
    package func model() async throws -> Loaded {
        if let model = loaded.withLock({ $0 }) { return model }
        try await load()
        guard let model = loaded.withLock({ $0 }) else { throw ModelFile.Failure.damaged }
        return model
    }

    /// The newest version there is, to learn on top of it.
    package func newest() async throws -> Loaded {
        try await load()
        return try await model()
    }

    package func run() async throws {
        lookAgain()
        await cancelWhenGracefulShutdown {
            for await _ in self.wakeups.stream {
                do {
                    try await self.load()
                } catch {
                    Self.failures.increment()
                    self.logger.warning("cannot load the newest model", metadata: [LogKey.error: "\(error)"])
                    // Whoever needs a first model tries for itself; a newer one is announced or found at the next
                    // connect.
                }
            }
        }
    }

    /// One at a time: a model takes its memory twice while it is decoded.
    private func load() async throws { try await turn.run { try await loadNow() } }

    private func loadNow() async throws {
        let current = loaded.withLock { $0?.id }
        var found = try await store.newest(Self.kind, besides: current)
        if case .none = found {
            try await publishSnapshot()
            found = try await store.newest(Self.kind)
        }
        if case .other(let old) = found, try await replace(old) { found = try await store.newest(Self.kind) }
        guard case .other(let newest) = found else { return }
        let model: SpamModel
        do {
            model = try ModelFile.decode(newest.parameters)
        } catch {
            return try keepJudging(without: newest.version, error)
        }
        loaded.withLock { $0 = Loaded(id: newest.id, model: model) }
        Self.version.set(Int(newest.version))
        logger.notice("model loaded", metadata: [LogKey.modelVersion: "\(newest.version)"])
    }

    /// A model that cannot be read must not stop the mail: what is in use stays, or else the snapshot as version 0.
    private func keepJudging(without version: Int64, _ error: any Error) throws {
        guard loaded.withLock({ $0 == nil }) else { throw error }
        let model = try ModelFile.decode(snapshot())
        loaded.withLock { if $0 == nil { $0 = Loaded(id: .init(version: 0, madeAt: .now()), model: model) } }
        Self.failures.increment()
        logger.error(
            "the newest model cannot be read; the snapshot is used",
            metadata: [LogKey.modelVersion: "\(version)", LogKey.error: "\(error)"])
    }

    /// Puts the snapshot in place of a model of the first format: those were written before there was learning, so
    /// nothing is lost, and they lack what later versions look at. Later formats are read as they are.
    private func replace(_ old: StoredModel) async throws -> Bool {
        guard ModelFile.version(of: old.parameters) == 1 else { return false }
        let bytes = try snapshot()
        guard let version = ModelFile.version(of: bytes), version > 1 else { return false }
        let meta = "{\"source\": \"snapshot\", \"replaces\": \(old.version)}"
        guard try await store.publish(Self.kind, after: old.version, parameters: bytes, meta: meta) else { return true }
        hints.modelPublished(ModelPublished(kind: Self.kind, modelVersion: old.version + 1))
        logger.notice(
            "a model of the first format is replaced by the snapshot",
            metadata: [LogKey.modelVersion: "\(old.version + 1)", LogKey.bytes: "\(bytes.count)"])
        return true
    }

    private func publishSnapshot() async throws {
        let bytes = try snapshot()
        let model = try ModelFile.decode(bytes)
        let meta = "{\"source\": \"snapshot\", \"examples\": \(model.examples)}"
        if try await store.publish(Self.kind, after: 0, parameters: bytes, meta: meta) {
            hints.modelPublished(ModelPublished(kind: Self.kind, modelVersion: 1))
            logger.notice("snapshot published as the first model", metadata: [LogKey.bytes: "\(bytes.count)"])
        }
    }
}

/// Hears of new models and has the keeper look; runs its consumer too.
package struct ModelListener: Service {
    private let consumer: AMQPConsumer
    private let keeper: ModelKeeper

    package init(configuration: AMQPConfiguration, keeper: ModelKeeper, logger: Logger) {
        self.keeper = keeper
        self.consumer = AMQPConsumer(
            configuration: configuration,
            source: .exclusive(
                prefix: "classifyd", exchange: Exchange.model.rawValue, routingKeys: [RoutingKey.modelPublished]),
            prefetch: 16, logger: logger, onConnect: { keeper.lookAgain() })
    }

    package var isConnected: Bool { consumer.isConnected }

    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consumer.run() }
            group.addTask {
                for await deliveries in consumer.batches {
                    // Whatever it says: the newest version is in PostgreSQL.
                    keeper.lookAgain()
                    if let last = deliveries.last { consumer.acknowledge(upTo: last) }
                }
            }
            try await group.waitForAll()
        }
    }
}
