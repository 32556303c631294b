import Storage

/// Reads the messages of a FETCH in rounds of bounded size, so that one can be read while the last is written.
struct FetchReader: Sendable {
    /// Bytes of bodies in a round.
    static let roundLimit = 512 * 1024

    /// Messages with what they lack, in the order of their slices. A large one comes alone and without, to be streamed.
    struct Round: Sendable {
        var messages: [FetchedMessage] = []
        var pieces: [[UInt8]?] = []
    }

    /// What has not been given out yet: rows of a batch, the rest of that batch, and the batches behind it.
    struct Rest: Sendable {
        var rows: ArraySlice<MessageStore.Row> = []
        var runs = UIDRuns()
        var columns: MessageStore.Columns = []
        var batches: ArraySlice<PositionRuns> = []

        var isEmpty: Bool { rows.isEmpty && runs.isEmpty && batches.isEmpty }
    }

    let plan: FetchPlan
    let selection: Selection
    /// UIDs that this command made \Seen.
    let touched: Set<UInt32>
    let rows: RowReader
    let messages: MessageStore

    /// One query for rows that were not read before, one for the bytes. A round may be empty: of messages that are gone.
    nonisolated(nonsending) func next(_ rest: Rest) async throws -> (round: Round, rest: Rest) {
        var rest = rest
        if rest.rows.isEmpty {
            if rest.runs.isEmpty, let batch = rest.batches.popFirst() {
                rest.runs = selection.uidRuns(batch)
                rest.columns = plan.columns(forBatchOf: batch.count)
            }
            let read = try await rows.rows(rest.runs, rest.columns)
            rest.rows = read.rows[...]
            rest.runs = read.rest
        }
        var round = Round()
        var slices: [MessageStore.Slice] = []
        var bytes = 0
        while let row = rest.rows.first {
            guard let position = selection.view.position(of: row.uid) else {
                rest.rows.removeFirst()
                continue
            }
            let message = FetchedMessage(
                plan, row, position: position, addsFlags: touched.contains(row.uid) && !plan.hasFlags)
            let isFull = message.isLarge || bytes + message.cost > Self.roundLimit
            if isFull, !round.messages.isEmpty { break }
            rest.rows.removeFirst()
            round.messages.append(message)
            if message.isLarge { return (round, rest) }
            slices += message.slices
            bytes += message.cost
        }
        round.pieces = try await messages.read(slices)
        return (round, rest)
    }
}
