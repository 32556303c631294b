import MailCore
import PostgreSQL

/// The unfinished work as whoever watches may see it.
extension WatchStore {
    /// Stages with work; an account's own among the newest pieces of work.
    package func stages(_ scope: WatchScope) async throws -> [WorkStore.StageCount] {
        guard case .account(let account) = scope else { return try await WorkStore(pool: pool).counts() }
        return try await pool.withConnection { connection in
            try connection.execute(Self.countOwnWork, [.int8(account.value)]).map { row in
                WorkStore.StageCount(
                    stage: Stage(rawValue: try row.int2(0))?.description ?? "unknown", waiting: try row.int8(1),
                    parked: try row.int8(2), oldestSeconds: try row.optionalFloat8(3))
            }
        }
    }

    /// Longest parked first.
    package func parked(_ scope: WatchScope, limit: Int) async throws -> [WorkStore.ParkedMail] {
        try await pool.withConnection { connection in
            try connection.execute(Self.listParked, [scope.parameter, .int4(Int32(clamping: limit))]).map { row in
                WorkStore.ParkedMail(
                    mail: try row.mailID(0), recipient: Int(try row.int4(1)),
                    stage: Stage(rawValue: try row.int2(2))?.description ?? "unknown", attempts: Int(try row.int2(3)),
                    parkedSeconds: try row.float8(4), lastError: try row.optionalText(5))
            }
        }
    }
}
