import MailCore
import MessageGrammar
import Storage

/// One search, off the event loop: in bounded batches, looking between them whether it is still wanted.
struct SearchRun: Sendable {
    enum Stop: Error { case tooLong, notWanted }

    /// Messages per query of rows, fewer when their headers are held too (64 KiB each at most); bytes of bodies per query;
    /// and how many look at the same time.
    private static let batch = 512
    private static let batchOfHeaders = 128
    private static let lanes = 2
    private static let bytes = 1024 * 1024

    let node: SearchNode
    let recentAbove: Int64
    let reader: RowReader
    let deadline: ContinuousClock.Instant
    /// Asked between batches.
    let isWanted: @Sendable () async -> Bool

    private var view: MailboxView { reader.view }

    /// The positions that match, ascending.
    func find() async throws -> [Int] {
        let lanes = node.level > .view && view.count > Self.batch * Self.lanes ? Self.lanes : 1
        guard lanes > 1 else { return try await find(in: view.uids.indices).sorted() }
        return try await withThrowingTaskGroup(of: [Int].self) { group in
            for lane in 0..<lanes {
                group.addTask { try await find(in: view.count * lane / lanes..<view.count * (lane + 1) / lanes) }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
    }

    /// Batches are settled in order, but what the view decides alone runs ahead of them.
    private func find(in positions: Range<Int>) async throws -> [Int] {
        var found: [Int] = []
        var open: [SearchCandidate] = []
        let level = node.level
        let batch = level >= .header ? Self.batchOfHeaders : Self.batch
        for position in positions {
            let candidate = SearchCandidate(
                position: position, uid: view.uids[position], flags: view.flags[position],
                isRecent: Int64(view.uids[position]) > recentAbove)
            switch candidate.value(node) {
            case true?: found.append(position)
            case false?: break
            case nil: open.append(candidate)
            }
            if open.count == batch {
                found += try await settle(&open, level)
            }
        }
        return found + (try await settle(&open, level))
    }

    /// Finds out what is missing, cheapest first; leaves `open` empty.
    private func settle(_ open: inout [SearchCandidate], _ level: SearchNode.Level) async throws -> [Int] {
        var found: [Int] = []
        while !open.isEmpty {
            guard ContinuousClock.now < deadline else { throw Stop.tooLong }
            guard await isWanted() else { throw Stop.notWanted }
            var candidates = try await takeRows(&open, level)
            decide(&candidates, &found)
            if level >= .header, !candidates.isEmpty {
                try await readHeaders(&candidates)
                decide(&candidates, &found)
            }
            if level >= .content, !candidates.isEmpty {
                try await readContents(&candidates)
                decide(&candidates, &found)
            }
        }
        return found
    }

    private func decide(_ candidates: inout [SearchCandidate], _ found: inout [Int]) {
        candidates.removeAll { candidate in
            guard let value = candidate.value(node) else { return false }
            if value { found.append(candidate.position) }
            return true
        }
    }

    /// Reads the rows of the first of `open`, takes those off it and returns them. A message that is gone matches
    /// nothing.
    private func takeRows(
        _ open: inout [SearchCandidate], _ level: SearchNode.Level
    ) async throws -> [SearchCandidate] {
        var columns: MessageStore.Columns = []
        if level >= .summary { columns.insert(.summary) }
        if level >= .header { columns.insert(.place) }
        let (rows, rest) = try await reader.rows(UIDRuns(runs(open)), columns)
        let last = rest.ranges.first.map { $0.lowerBound - 1 } ?? .max
        var next = 0
        let known = open.prefix { $0.uid <= last }.compactMap { candidate -> SearchCandidate? in
            while next < rows.count, rows[next].uid < candidate.uid { next += 1 }
            guard next < rows.count, rows[next].uid == candidate.uid else { return nil }
            var known = candidate
            let row = rows[next]
            known.row = row
            // One that cannot be read leaves a message without structure, which matches what its flags and dates say.
            if level >= .header { known.summary = (try? MessageSummary(decoding: row.summary)) ?? MessageSummary() }
            return known
        }
        open.removeAll { $0.uid <= last }
        return known
    }

    private func runs(_ open: [SearchCandidate]) -> [ClosedRange<UInt32>] {
        var runs: [ClosedRange<UInt32>] = []
        var last = -2
        for candidate in open {
            if candidate.position == last + 1, let run = runs.popLast() {
                runs.append(run.lowerBound...candidate.uid)
            } else {
                runs.append(candidate.uid...candidate.uid)
            }
            last = candidate.position
        }
        return runs
    }

    private func readHeaders(_ candidates: inout [SearchCandidate]) async throws {
        let ranges = candidates.map { 0..<min($0.summary?.headerLength ?? 0, MessageLimits.headerBytes) }
        try await read(candidates, ranges.map { [$0] }) { index, _, bytes in
            candidates[index].header = HeaderFields((candidates[index].row?.prefix ?? []) + bytes)
        }
    }

    // MARK: - Contents

    private func readContents(_ candidates: inout [SearchCandidate]) async throws {
        let searches = node.contents
        var parts: [[SearchablePart]] = []
        for index in candidates.indices {
            for search in searches { candidates[index].contents[search.number] = false }
            var found: [SearchablePart] = []
            candidates[index].summary?.structure.searchable(into: &found)
            parts.append(found)
            guard let header = candidates[index].header else { continue }
            let text = FoldedNeedle.fold(header.bytes)
            let decoded = FoldedNeedle.fold(header.fields.map { header.text($0) }.joined(separator: "\n"))
            for search in searches where search.withHeader {
                candidates[index].contents[search.number] =
                    search.needle.isIn(folded: text) || search.needle.isIn(folded: decoded)
            }
        }
        var scan: (index: Int, part: Int, scan: TextScan)?
        func close() {
            guard let (index, part, open) = scan else { return }
            var last = open
            scan = nil
            last.finish()
            let missing = last.open
            var isHeader = false
            if case .header = parts[index][part] { isHeader = true }
            for search in searches where !missing.contains(search.needle) && (search.withHeader || !isHeader) {
                candidates[index].contents[search.number] = true
            }
        }
        try await read(candidates, parts.map { $0.map(\.range) }) { index, part, bytes in
            if scan?.index != index || scan?.part != part {
                close()
                let (encoding, charset): (String, String?) =
                    switch parts[index][part] {
                    case .text(let leaf): (leaf.encoding, leaf.charset)
                    case .header: ("7bit", nil)
                    }
                scan = (index, part, TextScan(searches.map(\.needle), encoding: encoding, charset: charset))
            }
            scan?.scan.feed(bytes)
        }
        close()
    }

    /// Reads ranges of the bodies (offsets without the prefix), several messages per query, and hands over the pieces
    /// of each range in order.
    private func read(
        _ candidates: [SearchCandidate], _ ranges: [[Range<Int>]], _ take: (Int, Int, [UInt8]) -> Void
    ) async throws {
        var slices: [MessageStore.Slice] = []
        var owners: [(Int, Int)] = []
        var bytes = 0
        for (index, candidate) in candidates.enumerated() {
            for (part, range) in ranges[index].enumerated() {
                let needed = range.slices(prefix: 0, body: candidate.row?.body)
                if needed.isEmpty { take(index, part, []) }
                for slice in needed {
                    if bytes + Int(slice.length) > Self.bytes, !slices.isEmpty {
                        try await hand(over: slices, owners, take)
                        slices = []
                        owners = []
                        bytes = 0
                    }
                    slices.append(slice)
                    owners.append((index, part))
                    bytes += Int(slice.length)
                }
            }
        }
        try await hand(over: slices, owners, take)
    }

    private func hand(
        over slices: [MessageStore.Slice], _ owners: [(Int, Int)], _ take: (Int, Int, [UInt8]) -> Void
    ) async throws {
        guard ContinuousClock.now < deadline else { throw Stop.tooLong }
        guard await isWanted() else { throw Stop.notWanted }
        let pieces = try await reader.messages.read(slices)
        for (piece, owner) in zip(pieces, owners) { take(owner.0, owner.1, piece ?? []) }
    }
}
