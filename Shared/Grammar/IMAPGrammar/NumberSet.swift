/// Message numbers or UIDs as sorted, disjoint ranges that do not touch; what a `SequenceSet` means in one mailbox.
package struct NumberSet: Sendable, Equatable {
    package private(set) var ranges: [ClosedRange<UInt32>]

    package init() { ranges = [] }

    /// Sorts and merges, O(n log n).
    package init(_ unordered: [ClosedRange<UInt32>]) {
        ranges = []
        ranges.reserveCapacity(unordered.count)
        for range in unordered.sorted(by: { $0.lowerBound < $1.lowerBound }) { append(range) }
    }

    /// From numbers in any order.
    package init(numbers: some Sequence<UInt32>) {
        var sorted = Array(numbers)
        if !zip(sorted, sorted.dropFirst()).allSatisfy({ $0 < $1 }) { sorted.sort() }
        ranges = []
        for number in sorted { append(number...number) }
    }

    /// Adds a range that does not begin below the last one; this is how a scan in UID order builds a set.
    package mutating func append(_ range: ClosedRange<UInt32>) {
        if let last = ranges.last, range.lowerBound >= last.lowerBound,
            last.upperBound == .max || range.lowerBound <= last.upperBound + 1
        {
            ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
        } else if let last = ranges.last, range.lowerBound < last.lowerBound {
            self = NumberSet(ranges + [range])
        } else {
            ranges.append(range)
        }
    }

    package mutating func append(_ number: UInt32) { append(number...number) }

    package var isEmpty: Bool { ranges.isEmpty }
    package var first: UInt32? { ranges.first?.lowerBound }
    package var last: UInt32? { ranges.last?.upperBound }

    /// How many numbers; up to 2^32, so wider than the numbers themselves.
    package var count: UInt64 {
        ranges.reduce(0) { $0 + UInt64($1.upperBound - $1.lowerBound) + 1 }
    }

    /// O(log n).
    package func contains(_ number: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = low + (high - low) / 2
            if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(number)
    }

    /// The part inside `bounds`; a client's `1:*` becomes no larger than the mailbox.
    package func clamped(to bounds: ClosedRange<UInt32>) -> NumberSet {
        var result = NumberSet()
        for range in ranges where range.overlaps(bounds) { result.append(range.clamped(to: bounds)) }
        return result
    }

    /// Calls `body` with the index of every member of `sorted` (ascending) that is in the set; O(ranges * log n + hits).
    package func forEachIndex(in sorted: some RandomAccessCollection<UInt32>, _ body: (Int) -> Void) {
        var position = 0
        for range in ranges {
            position = Self.lowerBound(of: range.lowerBound, in: sorted, from: position)
            while position < sorted.count,
                sorted[sorted.index(sorted.startIndex, offsetBy: position)] <= range.upperBound
            {
                body(position)
                position += 1
            }
            if position == sorted.count { return }
        }
    }

    private static func lowerBound(
        of number: UInt32, in sorted: some RandomAccessCollection<UInt32>, from start: Int
    ) -> Int {
        var low = start
        var high = sorted.count
        while low < high {
            let middle = low + (high - low) / 2
            if sorted[sorted.index(sorted.startIndex, offsetBy: middle)] < number {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
