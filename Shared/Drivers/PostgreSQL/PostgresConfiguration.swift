/// How to reach PostgreSQL.
package struct PostgresConfiguration: Sendable {
    /// A conninfo string or URI as libpq takes it (several hosts included). May hold a password: never logged.
    package var url: String
    /// At most this many connections are open at once.
    package var connections: Int
    /// What `pg_stat_activity` shows.
    package var applicationName: String
    /// A request that cannot connect fails within this time.
    package var connectTimeout: Duration = .seconds(5)
    /// Enforced by the server (`statement_timeout`), and a second later by us.
    package var statementTimeout: Duration = .seconds(10)
    /// Longest wait for the answer to a request that commits nothing; `nil`: a second more than `statementTimeout`.
    package var patience: Duration?
    /// Longest wait for a lock (`lock_timeout`, the server's 55P03); `nil`: as long as the statement may take.
    package var lockTimeout: Duration?
    /// Silence after which the outcome of a COMMIT counts as unknown.
    package var commitSilence: Duration = .seconds(5)
    /// Longest wait for a free connection of the pool.
    package var acquireTimeout: Duration = .seconds(5)
    /// An unused connection is closed after this time (while the pool's `run()` runs).
    package var idleTimeout: Duration = .seconds(300)

    package init(url: String, connections: Int = 8, applicationName: String) {
        self.url = url
        self.connections = max(1, connections)
        self.applicationName = applicationName
    }

    /// The same server with shorter limits.
    func limited(to timeout: Duration) -> PostgresConfiguration {
        var limited = self
        let timeout = max(timeout, .milliseconds(10))
        limited.connectTimeout = min(connectTimeout, timeout)
        limited.statementTimeout = min(statementTimeout, timeout)
        limited.commitSilence = min(commitSilence, timeout)
        return limited
    }
}
