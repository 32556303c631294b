import CLibPQ

/// The one round trip that everything uses: [BEGIN,] calls [, COMMIT], Sync.
extension PostgresConnection {
    /// Statements of our own, which the server need not plan.
    private enum Frame { static let begin = "BEGIN", commit = "COMMIT" }

    func sendPendingBegin() throws(PostgresError) {
        if case .pending = transactionState { _ = try exchange([], committing: false) }
    }

    /// A transaction that fits into one round trip needs no frame: what comes up to a Sync is one, and the Sync commits it
    /// ("Extended Query" in PostgreSQL's description of its protocol).
    func exchange(_ calls: [Call], committing: Bool) throws(PostgresError) -> [PostgresRows] {
        let wire = try openWire()
        try prepare(calls, on: wire)
        var begins = false
        if case .pending = transactionState { begins = true }
        let isImplicit = begins && committing && !calls.isEmpty
        // A statement may wait for locks in silence; a COMMIT alone, or one whose outcome is looked up, may not.
        let isBounded = committing && (calls.isEmpty || outcomeIsLookedUp)
        var trip = Trip(
            wire: wire, total: committing ? timeout + .seconds(1) : patience,
            silence: isBounded ? configuration.commitSilence : nil)
        let lead = begins && !isImplicit ? 1 : 0
        if lead == 1 { try send(Frame.begin, on: wire) }
        if begins { transactionState = .open }
        if calls.reduce(0, { $0 + size(of: $1.1) }) >= Wire.outputBuffer { wire.cork() }
        for (statement, values) in calls { try send(statement, values, on: wire) }
        if committing, !isImplicit { try send(Frame.commit, on: wire) }
        guard PQpipelineSync(wire.connection) == 1 else { throw broken(PostgresError(.connectionLost, wire.errorText)) }
        trip.collect(beforeCommit: committing ? lead + calls.count : nil, isImplicit: isImplicit)
        if let failure = trip.failure { throw conclude(failure, of: trip, committing: committing) }
        if committing {
            transactionState = .committed
            if !wire.notices.warnings.isEmpty {
                throw PostgresError(.commitWarning, wire.notices.warnings.joined(separator: "; "))
            }
            // All statements have answered and no transaction is open any more, or nothing is known.
            guard trip.rows.count >= lead + calls.count, PQtransactionStatus(wire.connection) == PQTRANS_IDLE else {
                throw unknown("the answer was incomplete", wire)
            }
            // COMMIT of a transaction that had failed answers ROLLBACK.
            if !isImplicit, let last = trip.rows.last, String(cString: PQcmdStatus(last.result)) != "COMMIT" {
                throw PostgresError(.server(sqlstate: "25P02"), "the transaction had failed and was rolled back")
            }
        }
        return Array(trip.rows[lead..<lead + calls.count])
    }

    /// Once a commit is on its way, only an error says for sure that it did not happen, and not one that ends the connection (as a
    /// PANIC of the log's disk does), unless it came from a statement before.
    private func conclude(_ failure: PostgresError, of trip: Trip, committing: Bool) -> PostgresError {
        let isEndOfConnection = trip.wire.isBroken || failure.sqlState?.hasPrefix("57P") ?? true
        guard committing, isEndOfConnection, !trip.failedBeforeCommit else { return settle(failure) }
        return unknown(failure.detail, trip.wire)
    }

    private func unknown(_ detail: String, _ wire: Wire) -> PostgresError {
        let warnings = wire.notices.warnings.map { "; \($0)" }.joined()
        var unknown = PostgresError(.commitUnknown, detail + warnings)
        unknown.backendProcess = wire.process
        return broken(unknown)
    }

    // MARK: - Sending

    /// Statements that this connection has not seen are prepared first, in a round trip of their own.
    private func prepare(_ calls: [Call], on wire: Wire) throws(PostgresError) {
        var fresh: [(name: String, types: [PostgresType])] = []
        for (statement, values) in calls {
            let name = statement.name.description
            let types = values.map(\.type)
            if let known = wire.prepared[name] ?? fresh.first(where: { $0.name == name })?.types {
                guard known == types else { throw PostgresError(.decoding, "\(name): parameters changed their types") }
                continue
            }
            let oids = types.map(\.rawValue)
            let sent = PQsendPrepare(
                wire.connection, name, statement.sql.description, Int32(clamping: oids.count), oids)
            guard sent == 1 else { throw broken(PostgresError(.connectionLost, wire.errorText)) }
            fresh.append((name, types))
        }
        guard !fresh.isEmpty else { return }
        guard PQpipelineSync(wire.connection) == 1 else { throw broken(PostgresError(.connectionLost, wire.errorText)) }
        var trip = Trip(wire: wire, total: patience, silence: nil)
        trip.collect(beforeCommit: nil)
        for (name, types) in fresh.prefix(trip.rows.count) { wire.prepared[name] = types }
        if let failure = trip.failure { throw failure.sqlState == nil ? broken(failure) : settle(failure) }
    }

    /// About how many bytes parameters take.
    private func size(of values: [PostgresValue]) -> Int { values.reduce(0) { $0 + $1.estimatedSize } }

    private func send(_ sql: String, on wire: Wire) throws(PostgresError) {
        guard PQsendQueryParams(wire.connection, sql, 0, nil, nil, nil, nil, 1) == 1 else {
            throw broken(PostgresError(.connectionLost, wire.errorText))
        }
    }

    private func send(
        _ statement: PreparedStatement, _ values: [PostgresValue], on wire: Wire
    ) throws(PostgresError) {
        buffer.reset(reserving: size(of: values))
        for value in values { buffer.append(value) }
        let spans = buffer.spans
        let lengths = spans.map { Int32(clamping: max(0, $0.length)) }
        let formats = [Int32](repeating: 1, count: spans.count)
        let sent = buffer.bytes.withUnsafeBytes { bytes in
            // An empty buffer has no address, yet an empty value must not look like NULL.
            let base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)
            let pointers: [UnsafePointer<CChar>?] = spans.map { span in
                span.length < 0 ? nil : base.map { ($0 + span.start).assumingMemoryBound(to: CChar.self) }
            }
            return PQsendQueryPrepared(
                wire.connection, statement.name.description, Int32(clamping: spans.count), pointers, lengths, formats, 1
            )
        }
        guard sent == 1 else { throw broken(PostgresError(.connectionLost, wire.errorText)) }
    }
}

/// Reads the answers of one round trip up to its Sync.
private struct Trip {
    let wire: Wire
    let started = ContinuousClock.now
    let total: Duration
    /// When set, the deadline moves with every sign of life.
    let silence: Duration?
    var rows: [PostgresRows] = []
    var failure: PostgresError?
    /// The server refused a statement, so nothing was committed.
    var failedBeforeCommit = false

    init(wire: Wire, total: Duration, silence: Duration?) {
        self.wire = wire
        self.total = total
        self.silence = silence
        wire.lastProgress = .now
        wire.notices.clear()
    }

    /// - Parameters:
    ///   - beforeCommit: so many results come before the commit begins; `nil` when there is none.
    ///   - isImplicit: no COMMIT stands between their warnings and those of the commit, so all of them count as the commit's.
    mutating func collect(beforeCommit: Int?, isImplicit: Bool = false) {
        let (wire, started, total, silence) = (wire, started, total, silence)
        let deadline = { silence.map { min(wire.lastProgress + $0, started + total) } ?? started + total }
        do throws(PostgresError) {
            try wire.flush(until: deadline)
            var ends = 0
            while true {
                guard let result = try wire.nextResult(until: deadline) else {
                    // One ends each statement's results; two in a row mean that nothing is coming.
                    ends += 1
                    if ends > 1 { throw PostgresError(.connectionLost, "no result where one was due") }
                    continue
                }
                ends = 0
                let status = PQresultStatus(result)
                if status == PGRES_PIPELINE_SYNC {
                    PQclear(result)
                    return
                }
                if let error = serverError(result) {
                    PQclear(result)
                    if error.sqlState != nil, let beforeCommit, rows.count < beforeCommit { failedBeforeCommit = true }
                    failure = failure ?? error
                    continue
                }
                if status == PGRES_PIPELINE_ABORTED {
                    PQclear(result)
                    continue
                }
                rows.append(PostgresRows(owning: result))
                if rows.count == beforeCommit, !isImplicit { wire.notices.clear() }
            }
        } catch {
            failure = failure ?? error
        }
    }
}
