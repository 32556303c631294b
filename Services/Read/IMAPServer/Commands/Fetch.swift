import IMAPGrammar
import LineServer
import MailCore
import MessageGrammar
import ServiceKit
import Storage

extension IMAPSession {
    /// RFC 3501 6.4.5 and 6.4.8
    func fetch(
        _ fetch: IMAPFetch, uid: Bool, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws -> Completion {
        guard fetch.changedSince == nil, !fetch.vanished, !fetch.items.contains(.modSeq) else {
            return .bad("CONDSTORE is not supported")
        }
        guard let positions = selection.positions(fetch.set, uid: uid) else { return .badSet }
        let name = uid ? "UID FETCH" : "FETCH"
        let plan = FetchPlan(fetch.items, uid: uid)
        if plan.isViewOnly {
            try await fetchView(plan, positions, selection, connection)
            return .ok("\(name) completed")
        }
        var found = 0
        if positions.count == 1, plan.columns(forBatchOf: 1).contains(.wholeBody),
            let position = positions.ranges.first?.lowerBound
        {
            found = try await fetchInOrder(position, plan, selection, connection)
        } else {
            found = try await fetchAll(plan, positions, selection, connection)
        }
        // RFC 2180 4.1.2: what other sessions expunged meanwhile cannot be given out any more.
        if !uid, found < positions.count {
            return .no("Some of the messages no longer exist", code: .expungeIssued)
        }
        return .ok("\(name) completed")
    }

    /// Returns how many of the messages were there.
    private func fetchAll(
        _ plan: FetchPlan, _ positions: PositionRuns, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws -> Int {
        let unseen = plan.setsSeen ? selection.unseen(among: positions) : PositionRuns()
        let touched = try await markSeen(unseen, selection)
        guard let selection = self.selection else { return 0 }
        let batches = positions.batches(of: plan.batchSize)
        return try await write(.init(batches: batches[...]), plan, selection, touched, connection)
    }

    /// A single message with its body: one that was read ahead, or it and those behind it, in the round trip in which it
    /// becomes \Seen.
    private func fetchInOrder(
        _ position: Int, _ plan: FetchPlan, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws -> Int {
        let uid = selection.view.uids[position]
        let columns = plan.columns(forBatchOf: 1)
        let unseen = plan.setsSeen ? selection.unseen(among: PositionRuns(position..<position + 1)) : PositionRuns()
        var row = self.selection?.readAhead.take(uid, columns)
        var touched: Set<UInt32> = []
        if row != nil {
            touched = try await markSeen(unseen, selection)
        } else {
            let count = selection.view.count
            let span = self.selection?.readAhead.span(from: position, of: count) ?? position..<position + 1
            let key = selection.mailbox.key
            let runs = UIDRuns(uid...selection.view.uids[span.upperBound - 1])
            let bodies = span.count == 1 ? MessageStore.chunkSize : ReadAhead.largestBody
            var rows: [MessageStore.Row] = []
            var rest = runs
            if !unseen.isEmpty {
                let delta: MailboxDelta
                (delta, rows, rest) = try await services.messages.rowsMarkingFirstSeen(
                    key, runs, columns, bodies: bodies)
                touched = await becameSeen(delta)
            }
            if rows.isEmpty, !rest.isEmpty {
                rows = try await services.messages.rows(key, rest, columns, bodies: bodies).rows
            }
            self.selection?.readAhead.keep(rows)
            row = self.selection?.readAhead.take(uid, columns)
        }
        guard let row, let selection = self.selection else { return 0 }
        return try await write(.init(rows: [row]), plan, selection, touched, connection)
    }

    /// Sets \Seen on all messages of the command at once; returns those that lacked it.
    private nonisolated(nonsending) func markSeen(_ unseen: PositionRuns, _ selection: Selection) async throws
        -> Set<UInt32>
    {
        guard !unseen.isEmpty else { return [] }
        return await becameSeen(
            try await services.mailboxes.changeFlags(
                selection.mailbox.key, selection.uidRuns(unseen), .add(NamedFlags(system: .seen))))
    }

    private nonisolated(nonsending) func becameSeen(_ delta: MailboxDelta) async -> Set<UInt32> {
        await services.changed([delta])
        take(delta)
        return Set(delta.changed.map(\.uid))
    }

    private func fetchView(
        _ plan: FetchPlan, _ positions: PositionRuns, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws {
        let view = selection.view
        for range in positions.ranges {
            for position in range {
                out.beginFetch(position + 1)
                for item in plan.items {
                    if item == .uid {
                        out.fetchUID(view.uids[position])
                    } else {
                        out.fetchFlags(
                            bits: view.flags[position].rawValue, keywords: view.keywords.names,
                            recent: selection.isRecent(view.uids[position]))
                    }
                }
                out.endFetch()
                try await drain(connection)
            }
        }
    }

    /// Reads and writes all of `rest`; returns how many of the messages are in the session's version.
    private func write(
        _ rest: FetchReader.Rest, _ plan: FetchPlan, _ selection: Selection, _ touched: Set<UInt32>,
        _ connection: isolated LineConnection
    ) async throws -> Int {
        let reader = FetchReader(
            plan: plan, selection: selection, touched: touched, rows: services.reader(selection),
            messages: services.messages)
        var found = 0
        var (round, rest) = try await reader.next(rest)
        while true {
            found += round.messages.count
            guard !rest.isEmpty else {
                try await write(round, selection, connection)
                return found
            }
            let left = rest
            async let following = reader.next(left)
            // It asks the database before the writing begins.
            await Task.yield()
            try await write(round, selection, connection)
            (round, rest) = try await following
        }
    }

    private func write(
        _ round: FetchReader.Round, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws {
        if let message = round.messages.first, message.isLarge {
            return try await stream(message, selection, connection)
        }
        var pieces = round.pieces[...]
        for message in round.messages {
            write(message, pieces.prefix(message.missingSlices), selection)
            pieces = pieces.dropFirst(message.missingSlices)
            try await drain(connection)
        }
    }

    private func write(_ message: FetchedMessage, _ pieces: ArraySlice<[UInt8]?>, _ selection: Selection) {
        var pieces = pieces
        begin(message, selection)
        for item in message.plan.items {
            guard let section = item.octets else {
                write(item, message, selection)
                continue
            }
            let octets = SectionOctets(section.section, section.partial, message.row, message.summary)
            switch octets {
            case .missing: out.fetchSectionNil(item)
            case .range(let range):
                if let bytes = message.bytes(of: range, &pieces) {
                    IMAPMetrics.sentBytes.increment(by: bytes.count)
                    out.fetchSection(item, bytes)
                } else {
                    out.fetchSectionNil(item)
                }
            case .fields(let range, let names, let not, let partial):
                let header = message.bytes(of: range, &pieces) ?? []
                let fields = selectFields(header, names: names, not: not)
                out.fetchSection(item, fields[partial?.range(ofSize: fields.count) ?? 0..<fields.count])
            }
        }
        out.endFetch()
    }

    private func begin(_ message: FetchedMessage, _ selection: Selection) {
        out.beginFetch(message.position + 1)
        if message.addsFlags { write(.flags, message, selection) }
    }

    /// Everything that is not bytes of the message.
    private func write(_ item: FetchItem, _ message: FetchedMessage, _ selection: Selection) {
        switch item {
        case .uid: out.fetchUID(message.row.uid)
        case .flags:
            out.fetchFlags(
                bits: selection.view.flags[message.position].rawValue, keywords: selection.view.keywords.names,
                recent: selection.isRecent(message.row.uid))
        case .internalDate: out.fetchInternalDate(message.row.internalDate)
        case .rfc822Size: out.fetchSize(message.row.size)
        case .envelope: out.fetchEnvelope(message.summary.envelope)
        case .body: out.fetchBody(message.summary.structure)
        case .bodyStructure: out.fetchBodyStructure(message.summary.structure)
        case .modSeq, .section, .rfc822, .rfc822Header, .rfc822Text: break
        }
    }

    // MARK: - Large messages

    /// Item by item, chunk by chunk; the next chunk is read while the client takes the last.
    private func stream(
        _ message: FetchedMessage, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws {
        begin(message, selection)
        for item in message.plan.items {
            try await drain(connection)
            guard let section = item.octets else {
                write(item, message, selection)
                continue
            }
            switch SectionOctets(section.section, section.partial, message.row, message.summary) {
            case .missing: out.fetchSectionNil(item)
            case .range(let range):
                out.fetchSectionHeader(item, size: range.count)
                try await stream(range, message.row, connection)
            case .fields(let range, let names, let not, let partial):
                let fields = selectFields(try await whole(range, message.row), names: names, not: not)
                out.fetchSection(item, fields[partial?.range(ofSize: fields.count) ?? 0..<fields.count])
            }
        }
        out.endFetch()
        try await drain(connection)
    }

    private func stream(
        _ range: Range<Int>, _ row: MessageStore.Row, _ connection: isolated LineConnection
    ) async throws {
        out.announced(row.prefix[range.clamped(to: 0..<row.prefix.count)])
        connection.write(out.take())
        let slices = range.slices(prefix: row.prefix.count, body: row.body)
        let messages = services.messages
        for slice in slices {
            guard let bytes = try await promised({ try await messages.read([slice]) }).first ?? nil,
                bytes.count == Int(slice.length)
            else { throw SessionEnd.brokenPromise }
            IMAPMetrics.sentBytes.increment(by: bytes.count)
            connection.write(bytes)
            try await connection.flush()
        }
    }

    /// After `{n}` was sent nothing but the bytes may follow.
    private nonisolated(nonsending) func promised<T>(_ read: () async throws -> T) async throws -> T {
        do { return try await read() } catch { throw SessionEnd.brokenPromise }
    }

    private nonisolated(nonsending) func whole(_ range: Range<Int>, _ row: MessageStore.Row) async throws -> [UInt8] {
        var bytes = Array(row.prefix[range.clamped(to: 0..<row.prefix.count)])
        for slice in range.slices(prefix: row.prefix.count, body: row.body) {
            bytes.append(contentsOf: try await services.messages.read([slice]).first.flatMap(\.self) ?? [])
        }
        return bytes
    }
}
