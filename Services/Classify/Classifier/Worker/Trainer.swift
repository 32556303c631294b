package import AMQP
package import Logging
import MailCore
package import MailQueue
import QueueContracts
import ServiceKit
import ServiceLifecycle
package import Storage

/// Learns from what people say of their mail, and publishes the model under a new version.
///
/// A hint (`LearnRequested`) starts it at once; every 30 s it looks for itself, whatever the broker does. The queue has
/// a single active consumer, so usually one process trains; when two do, the version is made by whoever commits first
/// and the other starts again from there. The lessons are marked in the transaction that makes the version, so each is
/// learnt once, and none is lost.
package struct Trainer: Service {
    package struct Options: Sendable {
        /// Lessons of one account within 24 hours.
        package var dailyLimit = 200
        /// Between two versions, unless many lessons wait: each version is read by every worker.
        package var interval: Duration = .seconds(5)
        package var versionsKept = 5
        /// Between looks without a hint.
        package var look: Duration = .seconds(30)

        package init() {}
    }

    /// Lessons read at once: with `LearnStore.sampleBytes` each, 4 MiB in memory, and 4 MiB of summaries.
    static let lessonsPerPage = 64

    private let store: LearnStore
    private let keeper: ModelKeeper
    private let hints: HintPublisher
    private let consumer: AMQPConsumer?
    private let options: Options
    private let deadline: BatchProcessor.Deadline
    private let logger: Logger
    private let thread = TrainingThread()

    /// - Parameters:
    ///   - consumer: of `Queue.learn`; the trainer runs it. Without one it only looks for itself.
    ///   - deadline: for the lessons of one page.
    package init(
        store: LearnStore, keeper: ModelKeeper, hints: HintPublisher, consumer: AMQPConsumer?,
        options: Options = Options(), deadline: BatchProcessor.Deadline = .endsProcess(), logger: Logger
    ) {
        self.store = store
        self.keeper = keeper
        self.hints = hints
        self.consumer = consumer
        self.options = options
        self.deadline = deadline
        self.logger = logger
    }

    // MARK: - The service

    private enum Wake: Sendable {
        case hints(AMQPDelivery)
        case look
    }

    package func run() async throws {
        let (wakes, wake) = AsyncStream.makeStream(of: Wake.self)
        await withDiscardingTaskGroup { group in
            if let consumer {
                group.addTask {
                    // It ends with the shutdown and has no errors of its own.
                    try? await consumer.run()
                }
                group.addTask {
                    // The queue's prefetch bounds what waits in the stream.
                    for await deliveries in consumer.batches {
                        park(deliveries)
                        if let last = deliveries.last { wake.yield(.hints(last)) }
                    }
                    wake.finish()
                }
            }
            group.addTask {
                await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        wake.yield(.look)
                        // The safety net for hints that got lost, on no mail's path. Sleep ends early at shutdown.
                        try? await Task.sleep(for: options.look)
                    }
                }
                wake.finish()
            }
            group.addTask { await follow(wakes) }
        }
    }

    /// What no hint of ours is goes where an operator sees it.
    private func park(_ deliveries: [AMQPDelivery]) {
        let batches = HintBatch.split(deliveries, schema: RoutingKey.learnRequested, maximum: MailHint.maximumEntries)
        for unreadable in batches.flatMap(\.unreadable) {
            hints.parked(
                ParkedNotice(stage: "learn", mail: nil, reason: unreadable.reason, payload: unreadable.payload))
        }
    }

    private func follow(_ wakes: AsyncStream<Wake>) async {
        var next = ContinuousClock.now
        for await wake in wakes {
            let pause = next
            // Lessons that come meanwhile go together into the next version.
            await cancelWhenGracefulShutdown { try? await Task.sleep(until: pause) }
            do {
                if case .look = wake { try await look() }
                if try await learnAll() > 0 { next = .now + options.interval }
            } catch {
                TrainerMetrics.failures.increment()
                logger.warning("lessons not learnt; the next look tries again", metadata: [LogKey.error: "\(error)"])
            }
            // The rows hold the lessons: a hint has done its work when someone has looked.
            if case .hints(let last) = wake { consumer?.acknowledge(upTo: last) }
        }
    }

    /// What a hint that got lost would have told: of lessons, and of a newer model.
    private func look() async throws {
        keeper.lookAgain()
        TrainerMetrics.waiting.set(try await store.waitingCount(ModelKeeper.kind))
        try await store.forgetRefused()
    }

    // MARK: - Training

    /// Learns the lessons that wait, as many versions as they need.
    /// - Returns: how many there were.
    @discardableResult
    package func learnAll() async throws -> Int {
        var learnt = 0
        var overtaken: StoredModel.ID?
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let base = try await keeper.newest()
            switch try await round(on: base) {
            case .nothing: return learnt
            case .learnt(let count, let isMore):
                learnt += count
                // What has come in the meantime waits for its own hint, and goes into a version with others.
                if !isMore { return learnt }
            case .overtaken:
                TrainerMetrics.overtaken.increment()
                // A trainer that was faster has left a newer model, or more time for the next look.
                guard overtaken != base.id else { return learnt }
                overtaken = base.id
            }
        }
        return learnt
    }

    private enum Round {
        case nothing
        case learnt(Int, isMore: Bool)
        /// Another trainer was faster: its version comes first.
        case overtaken
    }

    private func round(on base: ModelKeeper.Loaded) async throws -> Round {
        guard base.version > 0 else { throw NoModel() }
        let started = ContinuousClock.now
        await thread.begin(base.model)
        var lessons: [WaitingLesson] = []
        do {
            let isMore = try await readAndLearn(&lessons)
            let parameters = await thread.finish(storing: !lessons.isEmpty)
            guard !lessons.isEmpty else { return .nothing }
            let version = LearnStore.Version(
                kind: ModelKeeper.kind, base: base.version, parameters: parameters, meta: Self.meta(lessons),
                lessons: lessons.map(\.event), keep: options.versionsKept)
            guard try await store.publish(version) else {
                try await store.release(lessons.map(\.event))
                return .overtaken
            }
            tell(base.version + 1, lessons, ContinuousClock.now - started)
            return .learnt(lessons.count, isMore: isMore)
        } catch {
            // If this fails too, they are tried again when their lease has ended, fewer at a time.
            try? await store.release(lessons.map(\.event))
            throw error
        }
    }

    private func tell(_ version: Int64, _ lessons: [WaitingLesson], _ time: Duration) {
        hints.modelPublished(ModelPublished(kind: ModelKeeper.kind, modelVersion: version))
        keeper.lookAgain()
        TrainerMetrics.version.observe(time)
        TrainerMetrics.count(lessons.map(\.label))
        logger.notice(
            "model published", metadata: [LogKey.modelVersion: "\(version)", LogKey.count: "\(lessons.count)"])
    }

    struct NoModel: Error, CustomStringConvertible {
        var description: String { "the newest model cannot be read, so nothing can be learnt on top of it" }
    }

    /// Reads lessons page by page and learns them, up to what goes into one version. Ends where another trainer is at
    /// work: that one does the rest.
    /// - Returns: whether lessons are left for another version.
    private func readAndLearn(_ learnt: inout [WaitingLesson]) async throws -> Bool {
        var plan = LessonPlan(dailyLimit: options.dailyLimit)
        var last: Int64 = 0
        while true {
            let page = try await store.waiting(ModelKeeper.kind, after: last, limit: Self.lessonsPerPage)
            let choice = plan.choose(from: page, besides: learnt.count)
            try await store.settle(choice.refused)
            TrainerMetrics.refused.increment(by: choice.refused.count)
            try await store.begin(choice.accepted.map(\.event), besides: learnt.map(\.event))
            learnt += choice.accepted.map(\.withoutMail)
            await learn(choice.accepted)
            if choice.isFull { return true }
            guard let end = page.last else { return false }
            last = end.event
        }
    }

    /// Only the end of the process stops a lesson that hangs its reader. Its try has been counted, so it is found out.
    private func learn(_ lessons: [WaitingLesson]) async {
        guard !lessons.isEmpty else { return }
        await deadline.watch(deadline.together) {
            logger.critical("lessons hang", metadata: [LogKey.count: "\(lessons.count)"])
        } over: {
            await thread.learn(lessons)
        }
    }

    private static func meta(_ lessons: [WaitingLesson]) -> String {
        let wanted = lessons.count { $0.label == .ham }
        let unwanted = lessons.count - wanted
        return #"{"source": "lessons", "ham": \#(wanted), "spam": \#(unwanted)}"#
    }
}

enum TrainerMetrics {
    static let waiting = Metric.Gauge("mail_learn_waiting", help: "Lessons that wait to be learnt.")
    static let version = Metric.Histogram("mail_learn_version_seconds", help: "Time to make and publish one version.")
    static let overtaken = Metric.Counter(
        "mail_learn_overtaken_total", help: "Versions given up because another trainer was faster.")
    static let refused = Metric.Counter("mail_learn_refused_total", help: "Lessons that were not learnt.")
    static let failures = Metric.Counter("mail_learn_failures_total", help: "Looks at the lessons that failed.")
    private static let ham = counter("ham")
    private static let spam = counter("spam")

    private static func counter(_ label: String) -> Metric.Counter {
        Metric.Counter("mail_learn_lessons_total", help: "Lessons learnt, by label.", labels: ["label": label])
    }

    static func count(_ labels: [Verdict.Label]) {
        let wanted = labels.count { $0 == .ham }
        ham.increment(by: wanted)
        spam.increment(by: labels.count - wanted)
    }
}
