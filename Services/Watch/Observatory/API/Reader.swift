import MailCore
import MailQueue
import Storage

/// Puts the answers together that both the API and the stream give.
package struct Reader: Sendable {
    let mails: MailSource
    let sources: Sources
    let inspector: HealthInspector
    let board: ReportBoard

    package init(mails: MailSource, sources: Sources, inspector: HealthInspector, board: ReportBoard) {
        self.mails = mails
        self.sources = sources
        self.inspector = inspector
        self.board = board
    }

    func overview(_ viewer: Viewer) async -> OverviewAnswer {
        async let health = inspector.health()
        // What does not answer is in the health, and shown as unknown.
        async let stages = stages(viewer)
        let queues = viewer.isAdmin ? await sources.queues() : nil
        return OverviewAnswer(
            at: Timestamp.now().text, health: await health, stages: await stages, queues: queues,
            entries: viewer.isAdmin ? board.current() : nil)
    }

    private func stages(_ viewer: Viewer) async -> [WorkStore.StageCount]? {
        guard !viewer.isAdmin else { return await sources.stages() }
        return await within(.seconds(3)) { try await mails.stages(viewer.scope) }
    }

    func mails(_ ids: [MailID], _ viewer: Viewer) async throws -> [WatchedMail] {
        try await mails.mails(ids, viewer.scope)
    }

    func list(_ viewer: Viewer, before: MailID?, limit: Int) async throws -> MailsAnswer {
        let ids = try await mails.newest(viewer.scope, before, limit + 1)
        let shown = Array(ids.prefix(limit))
        return MailsAnswer(
            mails: try await mails(shown, viewer).map { MailAnswer($0) },
            next: ids.count > limit ? shown.last?.description : nil)
    }

    func trace(_ mail: MailID, _ viewer: Viewer) async throws -> TraceAnswer? {
        guard let (trace, own) = try await mails.trace(mail, viewer.scope),
            let shown = try await mails([mail], viewer).first
        else { return nil }
        return TraceAnswer(trace, MailAnswer(shown), own: own, viewer: viewer)
    }

    func parked(_ viewer: Viewer, limit: Int) async throws -> ParkedAnswer {
        let parked = try await mails.parked(viewer.scope, limit)
        var seen: Set<MailID> = []
        let ids = parked.map(\.mail).filter { seen.insert($0).inserted }
        return ParkedAnswer(parked, try await mails(ids, viewer), mayRetry: viewer.isAdmin)
    }

    /// Processes that have sessions to tell of.
    var daemonsWithSessions: Int {
        board.current().count { ["smtpd", "accessd", "relayd"].contains($0.report.daemon) }
    }
}
