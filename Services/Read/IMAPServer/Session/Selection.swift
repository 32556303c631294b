import IMAPGrammar
import Storage

/// The mailbox that a session has selected: the version whose sequence numbers the client knows.
struct Selection {
    let mailbox: WatchedMailbox
    /// As it was selected by.
    let name: MailboxName
    /// What the client knows.
    var view: MailboxView
    let isReadOnly: Bool
    /// UIDs above are \Recent in this session (RFC 3501 2.3.2).
    let recentAbove: Int64
    /// Up to here the database knows that the messages are no longer recent.
    var claimedUpTo: Int64
    var readAhead = ReadAhead()

    func isRecent(_ uid: UInt32) -> Bool { Int64(uid) > recentAbove }
    var recentCount: Int { view.count(above: recentAbove) }

    /// The client may be told that the mailbox changed.
    func isBehind(_ current: MailboxView) -> Bool {
        view.modseq != current.modseq || view.expunges != current.expunges
    }

    // MARK: Sets

    /// The positions that a set names, ascending; `nil` if a sequence number is out of range (RFC 3501 9: an error).
    func positions(_ set: SequenceSet, uid: Bool) -> PositionRuns? {
        uid ? positions(uids: set) : positions(numbers: set)
    }

    private func positions(numbers set: SequenceSet) -> PositionRuns? {
        // `1:*` is what clients send to an empty mailbox too; there it names nothing.
        if view.count == 0, set.elements.contains(where: { $0.first == .largest || $0.last == .largest }) {
            return PositionRuns()
        }
        guard set.largestNumber <= UInt32(clamping: view.count) else { return nil }
        var runs = PositionRuns()
        for range in set.resolved(largest: UInt32(clamping: view.count)).ranges {
            runs.append(Int(range.lowerBound) - 1..<Int(range.upperBound))
        }
        return runs
    }

    private func positions(uids set: SequenceSet) -> PositionRuns {
        var runs = PositionRuns()
        for range in set.resolved(largest: view.uids.last ?? 0).ranges {
            let first = view.firstPosition(notBelow: range.lowerBound)
            let end = range.upperBound == .max ? view.count : view.firstPosition(notBelow: range.upperBound + 1)
            if first < end { runs.append(first..<end) }
        }
        return runs
    }

    /// The UIDs at positions, as runs for the database.
    func uidRuns(_ positions: PositionRuns) -> UIDRuns {
        UIDRuns(positions.ranges.map { view.uids[$0.lowerBound]...view.uids[$0.upperBound - 1] })
    }

    /// The positions among `positions` that the newest version still has.
    func remaining(_ positions: PositionRuns) -> PositionRuns {
        let newest = mailbox.view
        guard newest.expunges != view.expunges else { return positions }
        var runs = PositionRuns()
        for range in positions.ranges {
            for position in range where newest.position(of: view.uids[position]) != nil {
                runs.append(position..<position + 1)
            }
        }
        return runs
    }

    /// Those that a FETCH of their bodies makes \Seen.
    func unseen(among positions: PositionRuns) -> PositionRuns {
        isReadOnly ? PositionRuns() : filter(positions) { !$0.contains(.seen) }
    }

    /// The positions among `positions` whose flags satisfy `condition`.
    func filter(_ positions: PositionRuns, _ condition: (MailboxFlags) -> Bool) -> PositionRuns {
        var runs = PositionRuns()
        for range in positions.ranges {
            for position in range where condition(view.flags[position]) { runs.append(position..<position + 1) }
        }
        return runs
    }
}

/// Positions in a view as ascending, disjoint ranges, none empty.
struct PositionRuns: Equatable, Sendable {
    private(set) var ranges: [Range<Int>] = []

    var isEmpty: Bool { ranges.isEmpty }
    var count: Int { ranges.reduce(0) { $0 + $1.count } }

    init() {}
    init(_ range: Range<Int>) { if !range.isEmpty { ranges = [range] } }

    /// Ranges come in ascending order.
    mutating func append(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        if let last = ranges.last, last.upperBound == range.lowerBound {
            ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
        } else {
            ranges.append(range)
        }
    }

    /// Pieces of at most `size` positions.
    func batches(of size: Int) -> [PositionRuns] {
        var batches: [PositionRuns] = []
        var batch = PositionRuns()
        var room = size
        for range in ranges {
            var start = range.lowerBound
            while start < range.upperBound {
                let end = min(range.upperBound, start + room)
                batch.append(start..<end)
                room -= end - start
                start = end
                if room == 0 {
                    batches.append(batch)
                    batch = PositionRuns()
                    room = size
                }
            }
        }
        if !batch.isEmpty { batches.append(batch) }
        return batches
    }
}
