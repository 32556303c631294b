/// Text operations on wire bytes. Nothing here knows Unicode: case means A-Z only (RFC 5321 2.4, RFC 3501 9).
///
/// Next to the generic ones stand concrete ones for the types of hot paths: a generic function of another module runs
/// unspecialized, some thirty times slower.
package enum ASCII {
    package static func equalsIgnoringCase(_ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) -> Bool {
        left.elementsEqual(right) { $0.asciiLowercased == $1.asciiLowercased }
    }

    package static func equalsIgnoringCase(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where left[index].asciiLowercased != right[index].asciiLowercased { return false }
        return true
    }

    package static func equalsIgnoringCase(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { equalsIgnoringCase(left, $0) } }
    }

    package static func equalsIgnoringCase(_ left: ArraySlice<UInt8>, _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { equalsIgnoringCase(left, $0) } }
    }

    /// Compares with a constant, which may be written in any case.
    package static func equalsIgnoringCase(_ left: UnsafeRawBufferPointer, _ right: StaticString) -> Bool {
        equalsIgnoringCase(left, UnsafeRawBufferPointer(start: right.utf8Start, count: right.utf8CodeUnitCount))
    }

    package static func equalsIgnoringCase(_ left: [UInt8], _ right: StaticString) -> Bool {
        left.withUnsafeBytes { equalsIgnoringCase($0, right) }
    }

    package static func equalsIgnoringCase(_ left: ArraySlice<UInt8>, _ right: StaticString) -> Bool {
        left.withUnsafeBytes { equalsIgnoringCase($0, right) }
    }

    package static func hasPrefixIgnoringCase(_ bytes: some Sequence<UInt8>, _ prefix: StaticString) -> Bool {
        let constant = UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount)
        var iterator = bytes.makeIterator()
        for byte in constant {
            guard let next = iterator.next(), next.asciiLowercased == byte.asciiLowercased else { return false }
        }
        return true
    }

    package static func hasPrefixIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ prefix: StaticString) -> Bool {
        guard bytes.count >= prefix.utf8CodeUnitCount else { return false }
        return equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[..<prefix.utf8CodeUnitCount]), prefix)
    }

    package static func hasPrefixIgnoringCase(_ bytes: [UInt8], _ prefix: StaticString) -> Bool {
        bytes.withUnsafeBytes { hasPrefixIgnoringCase($0, prefix) }
    }

    package static func hasPrefixIgnoringCase(_ bytes: ArraySlice<UInt8>, _ prefix: StaticString) -> Bool {
        bytes.withUnsafeBytes { hasPrefixIgnoringCase($0, prefix) }
    }

    package static func hasPrefixIgnoringCase(_ bytes: Slice<UnsafeRawBufferPointer>, _ prefix: StaticString) -> Bool {
        hasPrefixIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes), prefix)
    }

    package static func lowercased(_ bytes: some Sequence<UInt8>) -> [UInt8] { bytes.map(\.asciiLowercased) }

    package static func lowercased(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes.count) { output, count in
            for index in bytes.indices { output[index] = bytes[index].asciiLowercased }
            count = bytes.count
        }
    }

    package static func lowercased(_ bytes: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
        lowercased(UnsafeRawBufferPointer(rebasing: bytes))
    }

    package static func lowercased(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { lowercased($0) } }

    package static func lowercased(_ bytes: ArraySlice<UInt8>) -> [UInt8] { bytes.withUnsafeBytes { lowercased($0) } }

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
