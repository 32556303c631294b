import PostgreSQL
import Synchronization

/// About how many mails are undelivered, against `queues.outbox_max`: what waits for a late verdict does not count, nor
/// what is parked. Never a count per mail: one look per second while mails come, and less often when the look itself is
/// expensive.
final class OutboxGauge: Sendable {
    /// A smaller maximum is counted exactly; above it, the table statistics do until they come near.
    private static let exactBelow = 10_000

    private let pool: PostgresPool
    private let state: Mutex<State>
    private let activity = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    private struct State {
        var maximum: Int
        var measured = 0
        /// Accepted by us since.
        var added = 0
    }

    init(pool: PostgresPool, maximum: Int) {
        self.pool = pool
        self.state = Mutex(State(maximum: maximum))
    }

    var isFull: Bool {
        let isFull = state.withLock { $0.measured + $0.added >= $0.maximum }
        if isFull { activity.continuation.yield() }
        return isFull
    }

    func update(maximum: Int) { state.withLock { $0.maximum = maximum } }

    func add(_ mails: Int) {
        state.withLock { $0.added += mails }
        activity.continuation.yield()
    }

    /// Ends when cancelled.
    func run() async {
        for await _ in activity.stream {
            var pause = Duration.seconds(1)
            // Without an answer the last estimate stands, and accepting fails by itself.
            if let look = try? await measure() {
                state.withLock { state in
                    state.measured = look.mails
                    state.added -= look.known
                }
                // An expensive look takes at most a twentieth of one server process.
                pause = min(max(pause, look.time * 20), .seconds(10))
            }
            do { try await Task.sleep(for: pause) } catch { return }
        }
    }

    /// `known`: those of the mails that were accepted before the look, so that none is left out.
    private func measure() async throws -> (mails: Int, known: Int, time: Duration) {
        try await pool.withConnection { connection in
            let (limit, known) = state.withLock { ($0.maximum, $0.added) }
            let started = ContinuousClock.now
            if limit > Self.exactBelow {
                let estimate = Int(try connection.execute(Self.estimate).first?.int8(0) ?? 0)
                // Rows, not mails: never too low by more than the statistics lag.
                if estimate < limit { return (estimate, known, .zero) }
            }
            let count = Int(try connection.execute(Self.count, [.int8(Int64(limit))]).first?.int8(0) ?? 0)
            return (count, known, ContinuousClock.now - started)
        }
    }

    private static let estimate = PreparedStatement(
        "outbox_estimate", "SELECT n_live_tup FROM pg_stat_user_tables WHERE relid = 'work'::regclass")
    private static let count = PreparedStatement(
        "outbox_count",
        """
        SELECT count(*) FROM (
            SELECT DISTINCT mail_id FROM work WHERE parked_at IS NULL AND stage IN (1, 2, 3) LIMIT $1
        ) AS unfinished
        """)
}
