package import PostgreSQL
package import ServiceKit

/// Keeps the history of mails in one partition a day: makes those of the coming days, drops the old ones.
package struct EventPartitions: Sendable {
    /// So far ahead that a few missed days do no harm; a day without a partition goes to the default one.
    private static let daysAhead: Int32 = 7
    /// Any number; every filerd asks for the same.
    private static let advisoryLock: Int64 = 0x6D61_7274_6C65_7403

    private let pool: PostgresPool
    private let keepDays: LiveSetting<Int>

    package init(pool: PostgresPool, keepDays: LiveSetting<Int>) {
        self.pool = pool
        self.keepDays = keepDays
    }

    package init(pool: PostgresPool, keepDays: Int) { self.init(pool: pool, keepDays: LiveSetting(keepDays)) }

    /// - Returns: how many days were dropped; `nil` if another process is at it, or the history was too busy.
    package func maintain() async throws -> Int? {
        let keep = Int32(clamping: keepDays.value)
        return try await pool.transaction { connection in
            let lock = try connection.execute(Self.tryLock, [.int8(Self.advisoryLock)])
            guard let row = lock.first, try row.bool(0) else { return nil }
            let ensured = try connection.execute(Self.ensure, [.int4(Self.daysAhead)])
            guard try ensured.first?.bool(0) ?? false else { return nil }
            let dropped = try connection.execute(Self.drop, [.int4(keep)])
            return Int(try dropped.first?.int4(0) ?? 0)
        }
    }

    private static let tryLock = PreparedStatement("events_try_lock", "SELECT pg_try_advisory_xact_lock($1)")
    private static let ensure = PreparedStatement("events_ensure", "SELECT ensure_event_partitions($1)")
    private static let drop = PreparedStatement("events_drop", "SELECT drop_event_partitions($1)")
}
