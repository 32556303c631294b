import PostgreSQL
import Synchronization

/// About how many mails are unfinished, against `queues.outbox_max`. Never a count per mail: one look per second while
/// mails come, and less often when the look itself is expensive.
final class OutboxGauge: Sendable {
    /// A smaller maximum is counted exactly; above it, the table statistics do until they come near.
    private static let exactBelow = 10_000

    private let pool: PostgresPool
    private let maximum: Int
    private let state = Mutex(State())
    private let activity = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    private struct State {
        var measured = 0
        /// Accepted by us since.
        var added = 0
    }

    init(pool: PostgresPool, maximum: Int) {
        self.pool = pool
        self.maximum = maximum
    }

    var isFull: Bool {
        let isFull = state.withLock { $0.measured + $0.added >= maximum }
        if isFull { activity.continuation.yield() }
        return isFull
    }

    func add(_ mails: Int) {
        state.withLock { $0.added += mails }
        activity.continuation.yield()
    }

    /// Ends when cancelled.
    func run() async {
        for await _ in activity.stream {
            let started = ContinuousClock.now
            let before = state.withLock { $0.added }
            // Without an answer the last estimate stands, and accepting fails by itself.
            if let count = try? await measure() {
                state.withLock { state in
                    state.measured = count
                    state.added -= before
                }
            }
            let pause = max(.seconds(1), (ContinuousClock.now - started) * 20)
            do { try await Task.sleep(for: pause) } catch { return }
        }
    }

    private func measure() async throws -> Int {
        let limit = maximum
        return try await pool.withConnection { connection in
            if limit > Self.exactBelow {
                let estimate = Int(try connection.execute(Self.estimate).first?.int8(0) ?? 0)
                // Rows, not mails: never too low by more than the statistics lag.
                if estimate < limit { return estimate }
            }
            return Int(try connection.execute(Self.count, [.int8(Int64(limit))]).first?.int8(0) ?? 0)
        }
    }

    private static let estimate = PreparedStatement(
        "outbox_estimate", "SELECT n_live_tup FROM pg_stat_user_tables WHERE relid = 'work'::regclass")
    private static let count = PreparedStatement(
        "outbox_count",
        """
        SELECT count(*) FROM (SELECT DISTINCT mail_id FROM work WHERE parked_at IS NULL LIMIT $1) AS unfinished
        """)
}
