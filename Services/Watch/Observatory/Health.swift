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
package struct HealthInspector: Sendable {
    /// Without one of these mail does not pass.
    static let needed = ["smtpd", "filerd", "relayd", "accessd"]

    private let answer: SharedAnswer<Health>

    package init(board: ReportBoard, sources: Sources) {
        answer = SharedAnswer(for: .seconds(1)) { await Self.inspect(board, sources) }
    }

    package func health() async -> Health { await answer.value() }

    private static func inspect(_ board: ReportBoard, _ sources: Sources) async -> Health {
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
        if let alarm = await sources.alarm(heardFrom: board) {
            reasons.append("RabbitMQ has an alarm (\(alarm)) and takes no messages: mail is accepted and waits")
        }
        reasons += needed.compactMap { board.reasonNotReady($0) }
        return Health(degraded: hasClassifier ? [] : ["classify"], reasons: reasons)
    }
}
