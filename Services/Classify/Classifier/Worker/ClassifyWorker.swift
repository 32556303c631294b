import MailCore
package import MailQueue
package import QueueContracts
import ServiceKit
package import Storage

/// The handler of the classify stage: reads what waits, judges it, commits verdicts and the next stage's work, and
/// tells filerd. Any number of workers may run; whoever deletes the work row has judged the mail.
package struct ClassifyWorker: Sendable {
    private let store: ClassifyStore
    private let keeper: ModelKeeper
    private let hints: HintPublisher
    private let threads: [ScoringThread]

    /// Mails read at once: with `MailSample.maximumBytes` each, at most 8 MiB in memory, and 4 MiB of summaries.
    static let mailsPerRound = 128
    /// A second thread is woken for no fewer.
    private static let mailsPerThread = 8

    package init(store: ClassifyStore, keeper: ModelKeeper, hints: HintPublisher, threads: Int) {
        self.store = store
        self.keeper = keeper
        self.hints = hints
        self.threads = (0..<max(1, threads)).map { ScoringThread(number: $0) }
    }

    package func handle(_ entries: [MailHint.Entry]) async throws {
        ClassifyMetrics.batch.observe(count: entries.count)
        var rest = entries[...]
        while !rest.isEmpty {
            var mails = rest.prefix(Self.mailsPerRound).map(\.mail)
            while !mails.isEmpty { mails = try await round(mails, of: entries) }
            rest = rest.dropFirst(Self.mailsPerRound)
        }
    }

    /// - Returns: those that are left for another round.
    private func round(_ mails: [MailID], of entries: [MailHint.Entry]) async throws -> [MailID] {
        let loaded = try await keeper.model()
        let (waiting, rest) = try await store.waiting(mails, bytesPerMail: MailSample.maximumBytes)
        guard !waiting.isEmpty else { return rest }
        let clock = ContinuousClock()
        let started = clock.now
        let verdicts = await judge(waiting, loaded)
        ClassifyMetrics.scoring.observe((clock.now - started) / verdicts.count)
        let finished = try await store.finish(verdicts)
        let traces = Dictionary(entries.map { ($0.mail, $0) }, uniquingKeysWith: { first, _ in first })
        let order = finished.keys.sorted()
        hints.announce(.file, order.filter { finished[$0] != .relay }.compactMap { traces[$0] })
        hints.announce(.relay, order.filter { finished[$0]?.contains(.relay) == true }.compactMap { traces[$0] })
        ClassifyMetrics.count(verdicts.filter { finished[$0.mail] != nil }.map(\.verdict.label))
        let now = Timestamp.now()
        for mail in waiting where finished[mail.mail] != nil {
            let waited = max(0, now.microseconds - mail.receivedAt.microseconds)
            ClassifyMetrics.latency.observe(seconds: Double(waited) / 1_000_000)
        }
        ClassifyMetrics.late.increment(by: finished.values.count { $0.contains(.relabel) })
        return rest
    }

    /// Split evenly over the threads when it is enough for each to be worth waking; the order stays.
    private func judge(_ mails: [ClassifyMail], _ loaded: ModelKeeper.Loaded) async -> [(
        mail: MailID, verdict: Verdict
    )] {
        let share = max((mails.count + threads.count - 1) / threads.count, Self.mailsPerThread)
        guard mails.count > share else { return await threads.first?.judge(mails[...], with: loaded) ?? [] }
        return await withTaskGroup(of: [(mail: MailID, verdict: Verdict)].self) { group in
            for (thread, start) in zip(threads, stride(from: 0, to: mails.count, by: share)) {
                group.addTask { await thread.judge(mails[start..<min(start + share, mails.count)], with: loaded) }
            }
            return await group.reduce(into: []) { $0 += $1 }.sorted { $0.mail < $1.mail }
        }
    }
}

enum ClassifyMetrics {
    static let batch = Metric.Histogram(
        "mail_classify_batch_mails", help: "Mails of one hint batch.", scale: .count)
    static let scoring = Metric.Histogram(
        "mail_classify_scoring_seconds", help: "Time to judge one mail, reading and writing apart.")
    static let latency = Metric.Histogram(
        "mail_classify_latency_seconds", help: "From acceptance to the committed verdict.")
    static let late = Metric.Counter("mail_classify_late_total", help: "Verdicts on mail that was filed without one.")
    private static let ham = counter("ham")
    private static let spam = counter("spam")
    private static let phish = counter("phish")

    private static func counter(_ label: String) -> Metric.Counter {
        Metric.Counter("mail_classify_verdicts_total", help: "Verdicts by label.", labels: ["label": label])
    }

    static func count(_ labels: [Verdict.Label]) {
        for label in labels {
            switch label {
            case .ham: ham.increment()
            case .spam: spam.increment()
            case .phish: phish.increment()
            }
        }
    }
}
