/// Whether a mail can pass all stages just now.
package struct Health: Sendable, Codable, Equatable {
    package enum Status: String, Sendable, Codable { case ready, unready }

    package let status: Status
    /// Stages that mail passes without, by rule: `classify`.
    package let degraded: [String]
    /// Why not ready, in plain words.
    package let reasons: [String]

    package init(degraded: [String], reasons: [String]) {
        self.status = reasons.isEmpty ? .ready : .unready
        self.degraded = degraded
        self.reasons = reasons
    }

    package var isReady: Bool { status == .ready }
}

/// Answers "can a mail pass", asking the world at most once a second.
package actor HealthInspector {
    /// Without one of these mail does not pass.
    private static let needed = ["smtpd", "filerd", "relayd", "accessd"]
    private static let cacheTime: Duration = .seconds(1)

    private let board: ReportBoard
    private let sources: Sources
    private var last: (health: Health, at: ContinuousClock.Instant)?
    private var running: Task<Health, Never>?

    package init(board: ReportBoard, sources: Sources) {
        self.board = board
        self.sources = sources
    }

    /// Requests that come while one is being answered get the same answer.
    package func health() async -> Health {
        if let last, ContinuousClock.now - last.at < Self.cacheTime { return last.health }
        if let running { return await running.value }
        let task = Task { await inspect() }
        running = task
        let health = await task.value
        last = (health, .now)
        running = nil
        return health
    }

    private nonisolated func inspect() async -> Health {
        async let database = sources.postgres()
        async let broker = sources.queues()
        var reasons: [String] = []
        if await !database { reasons.append("PostgreSQL does not answer") }
        var hasClassifier = board.reasonNotReady("classifyd") == nil
        if let queues = await broker {
            for name in ["mail.classify", "mail.file", "mail.relay"] where !queues.contains(where: { $0.queue == name })
            {
                reasons.append("RabbitMQ has no queue \(name)")
            }
            for name in ["mail.file", "mail.relay"]
            where queues.contains(where: { $0.queue == name && $0.consumers == 0 }) {
                reasons.append("nobody consumes the queue \(name)")
            }
            if queues.contains(where: { $0.queue == "mail.classify" && $0.consumers == 0 }) { hasClassifier = false }
        } else {
            reasons.append("RabbitMQ does not answer")
        }
        reasons += Self.needed.compactMap { board.reasonNotReady($0) }
        return Health(degraded: hasClassifier ? [] : ["classify"], reasons: reasons)
    }
}
