package import PostgreSQL

/// Asks PostgreSQL whether it is there.
package struct Ping: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// Whether an answer came in time; a late one is not waited for.
    package func answers(within limit: Duration) async -> Bool {
        let pool = pool
        let (results, continuation) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let question = Task {
            // What is wrong is in the pool's log; here only whether it answered counts.
            let rows = try? await pool.withConnection { try $0.execute(Self.select).count }
            continuation.yield(rows == 1)
        }
        let clock = Task {
            try? await Task.sleep(for: limit)
            continuation.yield(false)
        }
        defer {
            question.cancel()
            clock.cancel()
        }
        for await answer in results { return answer }
        return false
    }

    private static let select = PreparedStatement("ping", "SELECT 1")
}
