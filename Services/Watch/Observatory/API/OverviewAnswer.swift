import MailQueue
import ServiceKit
import Storage

/// `GET /api/v1/overview`
struct OverviewAnswer: Encodable, Sendable {
    struct Stage: Encodable, Sendable {
        let stage: String
        /// `null` while the database does not answer.
        @Nullable var count: Int64? = nil
        @Nullable var parked: Int64? = nil
        @Nullable var oldestSeconds: Double? = nil
        let words: String
    }

    struct Queue: Encodable, Sendable {
        let queue: String
        let messages: Int
        let consumers: Int
        let words: String
    }

    struct Daemon: Encodable, Sendable {
        let daemon: String
        let instance: String
        let host: String
        let ready: Bool
        let reasons: [String]
        let rss: Int
        let startedAt: String
        let release: String
    }

    struct Totals: Encodable, Sendable {
        let accepted: Int64
        let classified: Int64
        let filed: Int64
        let relayed: Int64
    }

    var at: String
    let ready: Bool
    let reasons: [String]
    let degraded: [String]
    let words: String
    let stages: [Stage]
    let queues: [Queue]
    let daemons: [Daemon]
    @Nullable var totals: Totals? = nil

    private static let shownStages = ["classify", "file", "relay"]

    /// - Parameter entries: `nil` for an account, which sees no machinery.
    init(
        at: String, health: Health, stages counts: [WorkStore.StageCount]?, queues: [QueueDepth]?,
        entries: [ReportBoard.Entry]?
    ) {
        self.at = at
        ready = health.isReady
        reasons = entries == nil ? [] : health.reasons
        degraded = health.degraded
        stages = Self.shownStages.map { name in Stage(name, counts) }
        self.queues = (queues ?? []).map {
            Queue(
                queue: $0.queue, messages: $0.messages, consumers: $0.consumers,
                words: Words.queue($0.messages, $0.consumers))
        }
        daemons = (entries ?? []).map { entry in
            let report = entry.report
            return Daemon(
                daemon: report.daemon, instance: report.instance, host: report.host, ready: report.ready,
                reasons: report.reasons, rss: report.rss, startedAt: report.startedAt, release: report.release)
        }
        totals = entries.map(Totals.init)
        words = Self.words(health, counts, isAdmin: entries != nil)
    }

    private static func words(_ health: Health, _ counts: [WorkStore.StageCount]?, isAdmin: Bool) -> String {
        let state = health.isReady ? "Martlet is ready." : "Martlet is not ready."
        guard let counts else { return "\(state) PostgreSQL does not answer." }
        let shown = counts.filter { shownStages.contains($0.stage) }
        let waiting = shown.reduce(0) { $0 + $1.waiting }
        let parked = shown.reduce(0) { $0 + $1.parked }
        let whose = isAdmin ? "" : " of yours"
        let under =
            waiting == 0
            ? "No mail\(whose) is under way"
            : Words.count(waiting, "piece of work\(whose) is", "pieces of work\(whose) are") + " under way"
        return "\(state) \(under), \(parked == 0 ? "nothing is" : "\(parked) \(parked == 1 ? "is" : "are")") parked."
    }
}

extension OverviewAnswer.Stage {
    fileprivate init(_ name: String, _ counts: [WorkStore.StageCount]?) {
        stage = name
        guard let counts else {
            words = "unknown: PostgreSQL does not answer"
            return
        }
        let count = counts.first { $0.stage == name }
        self.count = count?.waiting ?? 0
        parked = count?.parked ?? 0
        oldestSeconds = count?.oldestSeconds.map { rounded(max(0, $0)) }
        words = Words.stage(
            name, waiting: count?.waiting ?? 0, parked: count?.parked ?? 0, oldestSeconds: count?.oldestSeconds)
    }
}

extension OverviewAnswer.Totals {
    fileprivate init(_ entries: [ReportBoard.Entry]) {
        func sum(_ family: String) -> Int64 {
            var total = 0.0
            for entry in entries {
                for metrics in entry.report.metrics where metrics.name == family {
                    for sample in metrics.samples where sample.value.isFinite { total += sample.value }
                }
            }
            return Int64(min(max(total, 0), 1e15))
        }
        accepted = sum("mail_smtpd_accepted_total")
        classified = sum("mail_classify_verdicts_total")
        filed = sum("mail_filerd_filed_total")
        relayed = sum("mail_relayd_delivered_total")
    }
}
