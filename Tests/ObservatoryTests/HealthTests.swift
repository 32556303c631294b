import MailQueue
import Observatory
import ServiceKit
import Storage
import Synchronization
import Testing

enum Sample {
    static func report(_ daemon: String, instance: String = "host:1", reasons: [String] = []) -> DaemonReport {
        DaemonReport(
            daemon: daemon, instance: instance, host: "host", pid: 1, startedAt: "2026-01-01T00:00:00.000Z",
            reasons: reasons,
            rss: 20_971_520,
            metrics: [
                MetricFamily(
                    name: "mail_\(daemon)_things_total", help: "Things.", kind: .counter,
                    samples: [MetricSample(labels: [], value: 7)])
            ])
    }

    static func board(_ daemons: String...) -> ReportBoard {
        let board = ReportBoard()
        for daemon in daemons { board.put(report(daemon)) }
        return board
    }

    static let queues = [
        QueueDepth(queue: "mail.classify", messages: 2, consumers: 1),
        QueueDepth(queue: "mail.file", messages: 0, consumers: 1),
        QueueDepth(queue: "mail.relay", messages: 0, consumers: 1),
    ]

    static func sources(
        postgres: Bool = true, queues: [QueueDepth]? = Sample.queues, stages: [WorkStore.StageCount]? = []
    ) -> Sources {
        Sources(postgres: { postgres }, queues: { queues }, stages: { stages })
    }
}

@Suite("Health")
struct HealthTests {
    private func health(_ board: ReportBoard, _ sources: Sources) async -> Health {
        await HealthInspector(board: board, sources: sources).health()
    }

    @Test("ready when every stage reports and the servers answer")
    func ready() async {
        let health = await health(Sample.board("smtpd", "classifyd", "filerd", "relayd", "accessd"), Sample.sources())
        #expect(health == Health(degraded: [], reasons: []))
        #expect(health.isReady)
    }

    @Test("an alarm of the broker silences the daemons; it is told as the reason, here and in the metrics")
    func alarm() async {
        var sources = Sample.sources()
        sources.alarm = { "low on memory" }
        let silent = ReportBoard()
        let told = await health(silent, sources)
        #expect(told.reasons.first?.hasPrefix("RabbitMQ has an alarm (low on memory) and takes no messages") == true)
        #expect(
            await MetricsPage(board: silent, sources: sources, instance: "w").render().contains("mail_broker_blocked 1")
        )
        // Whoever reports is not asked about.
        let board = Sample.board("smtpd", "classifyd", "filerd", "relayd", "accessd")
        #expect(await health(board, sources).isReady)
        #expect(
            await MetricsPage(board: board, sources: sources, instance: "w").render().contains("mail_broker_blocked 0"))
    }

    @Test("without a classifier still ready, and says so")
    func degraded() async {
        let board = Sample.board("smtpd", "filerd", "relayd", "accessd")
        #expect(await health(board, Sample.sources()) == Health(degraded: ["classify"], reasons: []))
        board.put(Sample.report("classifyd"))
        let idle = [QueueDepth(queue: "mail.classify", messages: 0, consumers: 0)] + Sample.queues[1...]
        #expect(await health(board, Sample.sources(queues: idle)).degraded == ["classify"])
    }

    @Test("each missing part is named in plain words", arguments: ["smtpd", "filerd", "relayd", "accessd"])
    func missing(_ daemon: String) async {
        let board = ReportBoard()
        for other in ["smtpd", "classifyd", "filerd", "relayd", "accessd"] where other != daemon {
            board.put(Sample.report(other))
        }
        let health = await health(board, Sample.sources())
        #expect(health.reasons == ["\(daemon) has not reported in the last 12 seconds"])
        board.put(Sample.report(daemon, reasons: ["PostgreSQL does not answer"]))
        #expect(board.reasonNotReady(daemon) == "\(daemon) is not ready: PostgreSQL does not answer")
        // One that can is enough.
        board.put(Sample.report(daemon, instance: "host:2"))
        #expect(board.reasonNotReady(daemon) == nil)
    }

    @Test("a silent PostgreSQL or broker, a missing queue and an unread queue are reasons")
    func servers() async {
        let board = Sample.board("smtpd", "classifyd", "filerd", "relayd", "accessd")
        #expect(await health(board, Sample.sources(postgres: false)).reasons == ["PostgreSQL does not answer"])
        #expect(await health(board, Sample.sources(queues: nil)).reasons == ["RabbitMQ does not answer"])
        #expect(
            await health(board, Sample.sources(queues: [])).reasons
                == ["mail.classify", "mail.file", "mail.relay"].map { "RabbitMQ has no queue \($0)" })
        let unread = [Sample.queues[0], QueueDepth(queue: "mail.file", messages: 5, consumers: 0), Sample.queues[2]]
        #expect(await health(board, Sample.sources(queues: unread)).reasons == ["nobody consumes the queue mail.file"])
    }

    @Test("reports age: not ready after 12 s, gone after 30 s")
    func aging() {
        let board = Sample.board("smtpd")
        let now = ContinuousClock.now
        #expect(board.reasonNotReady("smtpd", at: now + .seconds(11)) == nil)
        #expect(board.reasonNotReady("smtpd", at: now + .seconds(14)) != nil)
        #expect(board.current(at: now + .seconds(14)).count == 1)
        #expect(board.current(at: now + .seconds(31)).isEmpty)
    }

    @Test("many requests at once ask the world once")
    func coalescing() async {
        let count = Mutex(0)
        let sources = Sources(
            postgres: {
                count.withLock { $0 += 1 }
                await Task.yield()
                return true
            }, queues: { Sample.queues }, stages: { [] })
        let inspector = HealthInspector(board: Sample.board("smtpd", "filerd", "accessd"), sources: sources)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = await inspector.health() } }
        }
        #expect(count.withLock { $0 } == 1)
    }
}

@Suite("Daemon report")
struct DaemonReportTests {
    @Test("goes through JSON and back")
    func roundTrip() throws {
        let report = Sample.report("smtpd", reasons: ["RabbitMQ is not connected for publishing"])
        let back = try DaemonReport.decode(try report.encoded())
        #expect(back.daemon == "smtpd")
        #expect(back.ready == false)
        #expect(back.metrics == report.metrics)
    }

    @Test("refuses what is none", arguments: ["", "{}", "[1]", #"{"schema":"mail.accepted","version":1,"mails":[]}"#])
    func refusals(_ text: String) {
        #expect(throws: (any Error).self) { try DaemonReport.decode(Array(text.utf8)) }
    }

    @Test("refuses what is too large")
    func size() {
        #expect(throws: (any Error).self) { try DaemonReport.decode(Array(repeating: 0x20, count: 300_000)) }
    }
}
