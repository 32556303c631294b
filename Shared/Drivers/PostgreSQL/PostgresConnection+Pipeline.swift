import CLibPQ

/// The one round trip that everything uses: [BEGIN, transaction id,] calls [, COMMIT], Sync.
extension PostgresConnection {
    /// Statements of our own, which the server need not plan.
    private enum Frame { static let begin = "BEGIN", commit = "COMMIT" }
    private static let identify = PreparedStatement("identify", "SELECT pg_current_xact_id()")

    func sendPendingBegin() throws(PostgresError) {
        if case .pending = transactionState { _ = try exchange([], committing: false) }
    }

    func exchange(_ calls: [Call], committing: Bool) throws(PostgresError) -> [PostgresRows] {
        let wire = try openWire()
        var isIdentified = false
        if case .pending(true) = transactionState { isIdentified = true }
        try prepare(isIdentified ? calls + [(Self.identify, [])] : calls, on: wire)
        var lead = 0
        var hasIdentity = transactionID != nil
        if case .pending = transactionState { hasIdentity = isIdentified }
        // A statement may wait for locks in silence; a COMMIT alone, or one whose outcome can be looked up, may not.
        let isBounded = committing && (calls.isEmpty || hasIdentity)
        var trip = Trip(
            wire: wire, total: committing ? timeout + .seconds(1) : patience,
            silence: isBounded ? configuration.commitSilence : nil)
        if case .pending = transactionState {
            transactionID = nil
            try send(Frame.begin, on: wire)
            lead = 1
            if isIdentified {
                try send(Self.identify, [], on: wire)
                // The id arrives while the rest is still working: needed if the COMMIT's outcome stays unknown.
                PQsendFlushRequest(wire.connection)
                lead = 2
            }
            transactionState = .open
        }
        for (statement, values) in calls { try send(statement, values, on: wire) }
        if committing { try send(Frame.commit, on: wire) }
        guard PQpipelineSync(wire.connection) == 1 else { throw broken(PostgresError(.connectionLost, wire.errorText)) }
        let count = lead + calls.count + (committing ? 1 : 0)
        trip.collect(count: count, identifiedBy: lead == 2 ? 1 : nil, warningsFrom: committing ? count - 1 : nil)
        transactionID = trip.transactionID ?? transactionID
        if let failure = trip.failure { throw conclude(failure, of: trip, committing: committing) }
        if committing {
            transactionState = .committed
            if !wire.notices.warnings.isEmpty {
                throw PostgresError(.commitWarning, wire.notices.warnings.joined(separator: "; "))
            }
            // COMMIT of a transaction that had failed answers ROLLBACK.
            if let last = trip.rows.last, String(cString: PQcmdStatus(last.result)) != "COMMIT" {
                throw PostgresError(.server(sqlstate: "25P02"), "the transaction had failed and was rolled back")
            }
        }
        return Array(trip.rows[lead..<lead + calls.count])
    }

    /// Once COMMIT is on its way, only an error of an earlier statement says for sure that it did not happen.
    private func conclude(_ failure: PostgresError, of trip: Trip, committing: Bool) -> PostgresError {
        let isEndOfConnection = failure.sqlState?.hasPrefix("57P") ?? true
        guard committing, isEndOfConnection, !trip.failedBeforeCommit else { return settle(failure) }
        var unknown = PostgresError(.commitUnknown, failure.detail)
        unknown.transactionID = transactionID
        unknown.backendProcess = trip.wire.process
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
        trip.collect(count: fresh.count, identifiedBy: nil, warningsFrom: nil)
        for (name, types) in fresh.prefix(trip.rows.count) { wire.prepared[name] = types }
        if let failure = trip.failure { throw failure.sqlState == nil ? broken(failure) : settle(failure) }
    }

    private func send(_ sql: String, on wire: Wire) throws(PostgresError) {
        guard PQsendQueryParams(wire.connection, sql, 0, nil, nil, nil, nil, 1) == 1 else {
            throw broken(PostgresError(.connectionLost, wire.errorText))
        }
    }

    private func send(
        _ statement: PreparedStatement, _ values: [PostgresValue], on wire: Wire
    ) throws(PostgresError) {
        buffer.reset(reserving: values.reduce(0) { $0 + $1.estimatedSize })
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
    var transactionID: UInt64?
    /// The server refused an earlier statement, so COMMIT was not run.
    var failedBeforeCommit = false

    init(wire: Wire, total: Duration, silence: Duration?) {
        self.wire = wire
        self.total = total
        self.silence = silence
        wire.lastProgress = .now
        wire.notices.clear()
    }

    mutating func collect(count: Int, identifiedBy idRow: Int?, warningsFrom: Int?) {
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
                    if error.sqlState != nil, rows.count < count - 1 { failedBeforeCommit = true }
                    failure = failure ?? error
                    continue
                }
                if status == PGRES_PIPELINE_ABORTED {
                    PQclear(result)
                    continue
                }
                let answer = PostgresRows(owning: result)
                if rows.count == idRow { transactionID = (try? answer[0].int8(0)).map(UInt64.init(bitPattern:)) }
                rows.append(answer)
                if rows.count == warningsFrom { wire.notices.clear() }
            }
        } catch {
            failure = failure ?? error
        }
    }
}
