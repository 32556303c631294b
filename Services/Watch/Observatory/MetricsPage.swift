import MailQueue
import ServiceKit
import Storage

/// `/metrics`: every daemon's last report, what waits in the queues and in the work rows, and watchd itself.
package struct MetricsPage: Sendable {
    private let board: ReportBoard
    private let sources: Sources
    private let instance: String

    package init(board: ReportBoard, sources: Sources, instance: String) {
        self.board = board
        self.sources = sources
        self.instance = instance
    }

    package func render() async -> String {
        async let queues = sources.queues()
        async let stages = sources.stages()
        async let alarm = sources.alarm(heardFrom: board)
        let entries = board.current()
        var parts = entries.map { entry in
            PrometheusText.Part(
                labels: Self.labels(entry.report.daemon, entry.report.instance),
                snapshot: MetricsSnapshot(families: entry.report.metrics))
        }
        parts.append(.init(labels: Self.labels("watchd", instance), snapshot: MetricsRegistry.snapshot()))
        let families =
            Self.states(entries) + Self.queueFamilies(await queues) + Self.stageFamilies(await stages)
            + [Self.blocked(await alarm != nil)]
        parts.append(.init(labels: [], snapshot: MetricsSnapshot(families: families)))
        return PrometheusText.render(parts)
    }

    private static func labels(_ daemon: String, _ instance: String) -> [MetricLabel] {
        [MetricLabel(name: "daemon", value: daemon), MetricLabel(name: "instance", value: instance)]
    }

    private static func states(_ entries: [ReportBoard.Entry]) -> [MetricFamily] {
        [
            MetricFamily(
                name: "mail_daemon_ready", help: "1 if the daemon says that it can do its duty.", kind: .gauge,
                samples: entries.map {
                    MetricSample(labels: labels($0.report.daemon, $0.report.instance), value: $0.report.ready ? 1 : 0)
                })
        ]
    }

    private static func blocked(_ isBlocked: Bool) -> MetricFamily {
        MetricFamily(
            name: "mail_broker_blocked", help: "1 while the broker has an alarm and takes no messages.", kind: .gauge,
            samples: [MetricSample(labels: [], value: isBlocked ? 1 : 0)])
    }

    private static func queueFamilies(_ depths: [QueueDepth]?) -> [MetricFamily] {
        let depths = depths ?? []
        return [
            gauge(
                "mail_queue_hints", "Hints waiting in a queue of the broker.", "queue",
                depths.map { ($0.queue, Double($0.messages)) }),
            gauge(
                "mail_queue_consumers", "Processes consuming a queue.", "queue",
                depths.map { ($0.queue, Double($0.consumers)) }),
        ]
    }

    private static func stageFamilies(_ depths: [WorkStore.StageCount]?) -> [MetricFamily] {
        let depths = depths ?? []
        return [
            gauge(
                "mail_work_rows", "Unfinished work of a stage, parked work not counted.", "stage",
                depths.map { ($0.stage, Double($0.waiting)) }),
            gauge(
                "mail_work_parked_rows", "Work that was given up for now.", "stage",
                depths.map { ($0.stage, Double($0.parked)) }),
            gauge(
                "mail_work_oldest_seconds", "Age of a stage's oldest unfinished work.", "stage",
                depths.map { ($0.stage, $0.oldestSeconds ?? 0) }),
        ]
    }

    private static func gauge(_ name: String, _ help: String, _ label: String, _ values: [(String, Double)])
        -> MetricFamily
    {
        MetricFamily(
            name: name, help: help, kind: .gauge,
            samples: values.map { MetricSample(labels: [MetricLabel(name: label, value: $0.0)], value: $0.1) })
    }
}
