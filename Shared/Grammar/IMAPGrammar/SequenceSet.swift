/// A set of message sequence numbers or UIDs as the client wrote it (RFC 3501 9 `sequence-set`).
///
/// It keeps `*` apart, because its value is known only when the set is resolved against a mailbox.
package struct SequenceSet: Sendable, Equatable {
    /// A number from 1 to 4294967295, or `*`.
    package enum Bound: Sendable, Equatable {
        case number(UInt32)
        case largest
    }

    package struct Element: Sendable, Equatable {
        package var first: Bound
        package var last: Bound

        package init(_ first: Bound, _ last: Bound) {
            self.first = first
            self.last = last
        }
    }

    package var elements: [Element]

    package init(_ elements: [Element]) { self.elements = elements }

    package init(_ range: ClosedRange<UInt32>) {
        self.elements = [Element(.number(range.lowerBound), .number(range.upperBound))]
    }

    /// The largest number named literally: a sequence number above the message count is a protocol error.
    package var largestNumber: UInt32 {
        var largest: UInt32 = 0
        for element in elements {
            for case .number(let number) in [element.first, element.last] { largest = max(largest, number) }
        }
        return largest
    }

    /// The set with `*` replaced by the largest number in use (0 in an empty mailbox, where `*` names nothing).
    package func resolved(largest: UInt32) -> NumberSet {
        var ranges: [ClosedRange<UInt32>] = []
        ranges.reserveCapacity(elements.count)
        for element in elements {
            let first = Self.value(element.first, largest)
            let last = Self.value(element.last, largest)
            guard first > 0, last > 0 else { continue }
            ranges.append(min(first, last)...max(first, last))
        }
        return NumberSet(ranges)
    }

    private static func value(_ bound: Bound, _ largest: UInt32) -> UInt32 {
        switch bound {
        case .number(let number): number
        case .largest: largest
        }
    }
}

extension IMAPCursor {
    /// `sequence-set` = (seq-number / seq-range) *("," sequence-set)
    mutating func sequenceSet() throws(IMAPSyntaxError) -> SequenceSet {
        var elements: [SequenceSet.Element] = []
        repeat {
            guard elements.count < IMAPLimits.sequenceSetElements else { throw IMAPSyntaxError("Set too long") }
            let first = try bound()
            elements.append(SequenceSet.Element(first, skip(":") ? try bound() : first))
        } while skip(",")
        return SequenceSet(elements)
    }

    private mutating func bound() throws(IMAPSyntaxError) -> SequenceSet.Bound {
        skip("*") ? .largest : .number(try nonZeroNumber())
    }
}
