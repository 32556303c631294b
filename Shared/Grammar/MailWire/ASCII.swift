/// Text operations on wire bytes. Nothing here knows Unicode: case means A-Z only (RFC 5321 2.4, RFC 3501 9).
package enum ASCII {
    @inlinable
    package static func equalsIgnoringCase(_ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) -> Bool {
        var leftBytes = left.makeIterator()
        var rightBytes = right.makeIterator()
        while true {
            switch (leftBytes.next(), rightBytes.next()) {
            case (nil, nil): return true
            case (let one?, let other?) where one.asciiLowercased == other.asciiLowercased: continue
            default: return false
            }
        }
    }

    /// Compares with a constant, which may be written in any case.
    @inlinable
    package static func equalsIgnoringCase(_ left: UnsafeRawBufferPointer, _ right: StaticString) -> Bool {
        guard left.count == right.utf8CodeUnitCount else { return false }
        let constant = UnsafeRawBufferPointer(start: right.utf8Start, count: right.utf8CodeUnitCount)
        for index in left.indices where left[index].asciiLowercased != constant[index].asciiLowercased { return false }
        return true
    }

    @inlinable
    package static func equalsIgnoringCase(_ left: [UInt8], _ right: StaticString) -> Bool {
        left.withUnsafeBytes { equalsIgnoringCase($0, right) }
    }

    @inlinable
    package static func equalsIgnoringCase(_ left: ArraySlice<UInt8>, _ right: StaticString) -> Bool {
        left.withUnsafeBytes { equalsIgnoringCase($0, right) }
    }

    @inlinable
    package static func hasPrefixIgnoringCase(_ bytes: some Sequence<UInt8>, _ prefix: StaticString) -> Bool {
        let constant = UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount)
        var iterator = bytes.makeIterator()
        for byte in constant {
            guard let next = iterator.next(), next.asciiLowercased == byte.asciiLowercased else { return false }
        }
        return true
    }

    package static func lowercased(_ bytes: some Sequence<UInt8>) -> [UInt8] { bytes.map(\.asciiLowercased) }

    package static func uppercased(_ bytes: some Sequence<UInt8>) -> [UInt8] { bytes.map(\.asciiUppercased) }

    /// Without white space (space, tab, CR, LF) at either end.
    package static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var slice = bytes
        while let byte = slice.first, byte.isFoldingWhiteSpace { slice.removeFirst() }
        while let byte = slice.last, byte.isFoldingWhiteSpace { slice.removeLast() }
        return slice
    }

    package static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8> { trimmed(bytes[...]) }

    /// The part of `range` that is left when white space is cut off at both ends.
    package static func trimmedRange(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Range<Int> {
        let bounds = range.clamped(to: 0..<bytes.count)
        var start = bounds.lowerBound
        var end = bounds.upperBound
        while start < end, bytes[start].isFoldingWhiteSpace { start += 1 }
        while end > start, bytes[end - 1].isFoldingWhiteSpace { end -= 1 }
        return start..<end
    }

    /// Whether `needle` occurs, by ASCII case folding. Costs at most |bytes| * |needle|; keep needles short.
    package static func containsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ needle: StaticString) -> Bool {
        firstIndexIgnoringCase(of: needle, in: bytes) != nil
    }

    package static func firstIndexIgnoringCase(
        of needle: StaticString, in bytes: UnsafeRawBufferPointer, from start: Int = 0
    ) -> Int? {
        let constant = UnsafeRawBufferPointer(start: needle.utf8Start, count: needle.utf8CodeUnitCount)
        guard let first = constant.first?.asciiLowercased, start >= 0, bytes.count >= constant.count else { return nil }
        var index = start
        while index <= bytes.count - constant.count {
            if bytes[index].asciiLowercased == first {
                var matched = 1
                while matched < constant.count,
                    bytes[index + matched].asciiLowercased == constant[matched].asciiLowercased
                { matched += 1 }
                if matched == constant.count { return index }
            }
            index += 1
        }
        return nil
    }
}
