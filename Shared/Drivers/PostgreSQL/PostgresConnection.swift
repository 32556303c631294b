import BlockingWork
import CLibPQ

/// One connection: an isolation domain with its own thread, on which every libpq call runs.
///
/// All methods are synchronous inside the actor, so that a closure given to the pool is straight-line code. A connection
/// that failed stays closed until its next use, when it is opened anew; never inside a running closure, because what
/// came before the failure is lost with its transaction.
package actor PostgresConnection {
    /// A statement and its parameters.
    package typealias Call = (PreparedStatement, [PostgresValue])

    let configuration: PostgresConfiguration
    private nonisolated let thread: BlockingThread
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// As `pg_stat_activity` shows it.
    package nonisolated var applicationName: String { configuration.applicationName }

    var wire: Wire?
    var buffer = ParameterBuffer()
    var transactionState = TransactionState.none
    /// Of the transaction: what became of it is looked up when its COMMIT has no answer.
    var outcomeIsLookedUp = false
    private(set) var timeout: Duration

    enum TransactionState {
        case none
        /// BEGIN travels with the next call; if there is none, nothing happened.
        case pending
        case open
        /// COMMIT has answered.
        case committed
    }

    package init(configuration: PostgresConfiguration) {
        self.configuration = configuration
        self.timeout = configuration.statementTimeout
        self.thread = BlockingThread(name: "pg-\(configuration.applicationName)")
    }

    deinit { thread.stop() }

    // MARK: - Statements

    /// Runs one prepared statement.
    package func execute(
        _ statement: PreparedStatement, _ values: [PostgresValue] = []
    ) throws(PostgresError) -> PostgresRows {
        let rows = try pipeline([(statement, values)])
        guard let first = rows.first else { throw PostgresError(.decoding, "no result") }
        return first
    }

    /// Runs several statements in one round trip. The first error is thrown and the rest are not run; outside a
    /// transaction they are one implicit transaction.
    package func pipeline(_ calls: [Call]) throws(PostgresError) -> [PostgresRows] {
        try exchange(calls, committing: false)
    }

    /// Runs the calls and commits, all in one round trip; inside `PostgresPool.transaction`, as its last act.
    package func commit(after calls: [Call]) throws(PostgresError) -> [PostgresRows] {
        try exchange(calls, committing: true)
    }

    /// Several statements without parameters, by the simple protocol: migrations, SET.
    package func script(_ sql: String) throws(PostgresError) {
        let wire = try openWire()
        try sendPendingBegin()
        guard PQexitPipelineMode(wire.connection) == 1 else { throw broken(PostgresError(.connectionLost, "busy")) }
        guard PQsendQuery(wire.connection, sql) == 1 else {
            throw broken(PostgresError(.connectionLost, wire.errorText))
        }
        let deadline = ContinuousClock.now + timeout + .seconds(1)
        var failure: PostgresError?
        do {
            try wire.flush(until: { deadline })
            while let result = try wire.nextResult(until: { deadline }) {
                defer { PQclear(result) }
                failure = failure ?? serverError(result)
            }
        } catch {
            throw broken(failure ?? error)
        }
        guard PQenterPipelineMode(wire.connection) == 1 else { throw broken(PostgresError(.connectionLost, "busy")) }
        if let failure { throw settle(failure) }
    }

    /// How long we wait for an answer that is no COMMIT's.
    var patience: Duration { min(timeout + .seconds(1), configuration.patience ?? .seconds(86_400)) }

    /// For work that may take longer than a mail's: migrations, imports. The pool sets it back.
    package func setStatementTimeout(_ duration: Duration) throws(PostgresError) {
        try script("SET statement_timeout = \(milliseconds(duration))")
        timeout = duration
    }

    // MARK: - Use by the pool

    /// Runs `body` on this connection's thread, connected.
    func perform<T: Sendable>(_ body: @Sendable (isolated PostgresConnection) throws -> T) throws -> T {
        try prepareForUse()
        defer { finishUse() }
        return try body(self)
    }

    /// A transaction of `body`: BEGIN (sent with the first statement) and COMMIT, neither when it is one `commit(after:)`; rolled
    /// back when `body` throws. Connects if need be.
    /// For who has this connection for himself and is on its thread; others lend one from a `PostgresPool`.
    /// - Parameter outcomeIsLookedUp: the caller finds out what became of a COMMIT without an answer, so the server may not be
    ///   silent for longer than `commitSilence` even when statements travel with it.
    package func transaction<T>(
        outcomeIsLookedUp: Bool = false, _ body: (isolated PostgresConnection) throws -> T
    ) throws -> T {
        guard case .none = transactionState else { preconditionFailure("a transaction inside another") }
        try prepareForUse()
        defer { finishUse() }
        transactionState = .pending
        self.outcomeIsLookedUp = outcomeIsLookedUp
        let value = try body(self)
        if case .open = transactionState { _ = try exchange([], committing: true) }
        return value
    }

    func close() {
        wire = nil
        transactionState = .none
    }

    private func prepareForUse() throws(PostgresError) {
        transactionState = .none
        if let wire, wire.isAlive() { return }
        wire = nil
        timeout = configuration.statementTimeout
        wire = try Wire(configuration)
    }

    /// Leaves no transaction and no changed setting behind.
    private func finishUse() {
        if let wire, PQtransactionStatus(wire.connection) != PQTRANS_IDLE { rollback() }
        transactionState = .none
        if wire != nil, timeout != configuration.statementTimeout {
            // A failure closes the connection, which also sets it back.
            do { try setStatementTimeout(configuration.statementTimeout) } catch { wire = nil }
        }
    }

    private func rollback() {
        transactionState = .none
        // Closing also rolls back.
        do { try script("ROLLBACK") } catch { wire = nil }
        if let wire, PQtransactionStatus(wire.connection) != PQTRANS_IDLE { self.wire = nil }
    }

    // MARK: - Failures

    func openWire() throws(PostgresError) -> Wire {
        guard let wire else { throw PostgresError(.connectionLost, "closed earlier") }
        return wire
    }

    /// After a failure of the connection itself nothing on it can be trusted.
    func broken(_ error: PostgresError) -> PostgresError {
        wire = nil
        return error
    }

    /// Decides whether the connection survives an error of the server.
    func settle(_ error: PostgresError) -> PostgresError {
        guard let wire, let state = error.sqlState else { return broken(error) }
        if state.hasPrefix("57P") || wire.isBroken { return broken(PostgresError(.connectionLost, error.detail)) }
        // A plan or a prepared statement that the server no longer has: start anew at the next use.
        if state == "0A000" || state == "26000" { self.wire = nil }
        return error
    }
}

/// nil unless the result is an error. The DETAIL field is left out: it quotes values.
func serverError(_ result: OpaquePointer) -> PostgresError? {
    guard PQresultStatus(result) == PGRES_FATAL_ERROR else { return nil }
    let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
    let text = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) } ?? "no message"
    guard let state else { return PostgresError(.connectionLost, text) }
    return PostgresError(.server(sqlstate: state), "\(state) \(text)")
}
