import PostgreSQL

/// UIDs as ascending runs of neighbours: `1:*` on a mailbox of any size is one run.
///
/// A run may cover UIDs that exist no more, but never one that its maker did not mean: UIDs between two neighbours of a
/// view cannot appear later (RFC 3501 2.3.1.1).
package struct UIDRuns: Sendable, Equatable {
    package private(set) var ranges: [ClosedRange<UInt32>] = []

    package init() {}
    package init(_ range: ClosedRange<UInt32>) { ranges = [range] }
    package init(_ ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }

    package var isEmpty: Bool { ranges.isEmpty }

    package mutating func append(_ range: ClosedRange<UInt32>) { ranges.append(range) }

    /// The part above a UID.
    package func after(_ uid: UInt32) -> UIDRuns {
        guard uid < .max else { return UIDRuns() }
        return UIDRuns(
            ranges.compactMap { $0.upperBound > uid ? max($0.lowerBound, uid + 1)...$0.upperBound : nil })
    }

    var lows: PostgresValue { .int8Array(ranges.map { Int64($0.lowerBound) }) }
    var highs: PostgresValue { .int8Array(ranges.map { Int64($0.upperBound) }) }
}
