package import MailCore
package import PostgreSQL
package import Storage

/// What the API asks of the database; closures, so that tests need no server.
package struct MailSource: Sendable {
    package var newest: @Sendable (WatchScope, _ before: MailID?, _ limit: Int) async throws -> [MailID]
    package var mails: @Sendable ([MailID], WatchScope) async throws -> [WatchedMail]
    package var eventCounts: @Sendable ([MailID]) async throws -> [MailID: Int]
    /// The trace of a mail that the viewer may see, and which recipients are the viewer's (`nil`: all).
    package var trace: @Sendable (MailID, WatchScope) async throws -> (trace: MailTrace, own: Set<Int>?)?
    package var stages: @Sendable (WatchScope) async throws -> [WorkStore.StageCount]
    package var parked: @Sendable (WatchScope, _ limit: Int) async throws -> [WorkStore.ParkedMail]
    package var retry: @Sendable (MailID) async throws -> Int

    package init(
        newest: @escaping @Sendable (WatchScope, _ before: MailID?, _ limit: Int) async throws -> [MailID],
        mails: @escaping @Sendable ([MailID], WatchScope) async throws -> [WatchedMail],
        eventCounts: @escaping @Sendable ([MailID]) async throws -> [MailID: Int],
        trace: @escaping @Sendable (MailID, WatchScope) async throws -> (trace: MailTrace, own: Set<Int>?)?,
        stages: @escaping @Sendable (WatchScope) async throws -> [WorkStore.StageCount],
        parked: @escaping @Sendable (WatchScope, _ limit: Int) async throws -> [WorkStore.ParkedMail],
        retry: @escaping @Sendable (MailID) async throws -> Int
    ) {
        self.newest = newest
        self.mails = mails
        self.eventCounts = eventCounts
        self.trace = trace
        self.stages = stages
        self.parked = parked
        self.retry = retry
    }

    package static func live(pool: PostgresPool) -> MailSource {
        let store = WatchStore(pool: pool)
        return MailSource(
            newest: { try await store.newest($0, before: $1, limit: $2) },
            mails: { try await store.mails($0, $1) }, eventCounts: { try await store.eventCounts(of: $0) },
            trace: { mail, scope in
                let (isVisible, own) = try await store.visible(mail, scope)
                guard isVisible, case .found(let trace) = try await MailTraceStore(pool: pool).find(mail.description)
                else { return nil }
                return (trace, own)
            },
            stages: { try await store.stages($0) }, parked: { try await store.parked($0, limit: $1) },
            retry: { try await WorkStore(pool: pool).reissue([$0]) })
    }
}
