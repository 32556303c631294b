/// Decimal numbers as the protocols write them: digits only, no sign, no space, no overflow.
package enum Decimal {
    /// `nil` when empty, when a byte is not a digit, or when the value is above `maximum`. Leading zeros are accepted.
    package static func parse(_ bytes: some Sequence<UInt8>, maximum: UInt64 = UInt64.max) -> UInt64? {
        Array(bytes).withUnsafeBytes { parse($0, maximum: maximum) }
    }

    package static func parse(_ bytes: [UInt8], maximum: UInt64 = UInt64.max) -> UInt64? {
        bytes.withUnsafeBytes { parse($0, maximum: maximum) }
    }

    package static func parse(_ bytes: ArraySlice<UInt8>, maximum: UInt64 = UInt64.max) -> UInt64? {
        bytes.withUnsafeBytes { parse($0, maximum: maximum) }
    }

    package static func parse(_ bytes: Slice<UnsafeRawBufferPointer>, maximum: UInt64 = UInt64.max) -> UInt64? {
        parse(UnsafeRawBufferPointer(rebasing: bytes), maximum: maximum)
    }

    package static func parse(_ bytes: UnsafeRawBufferPointer, maximum: UInt64 = UInt64.max) -> UInt64? {
        var value: UInt64 = 0
        var isEmpty = true
        for byte in bytes {
            guard byte.isASCIIDigit else { return nil }
            let (shifted, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = shifted.addingReportingOverflow(UInt64(byte &- 0x30))
            guard !overflowed, !carried, sum <= maximum else { return nil }
            value = sum
            isEmpty = false
        }
        return isEmpty ? nil : value
    }

    /// The same for `Int`: what sizes and counts are kept in.
    package static func parseInt(_ bytes: some Sequence<UInt8>, maximum: Int = Int.max) -> Int? {
        Array(bytes).withUnsafeBytes { parseInt($0, maximum: maximum) }
    }

    package static func parseInt(_ bytes: [UInt8], maximum: Int = Int.max) -> Int? {
        bytes.withUnsafeBytes { parseInt($0, maximum: maximum) }
    }

    package static func parseInt(_ bytes: ArraySlice<UInt8>, maximum: Int = Int.max) -> Int? {
        bytes.withUnsafeBytes { parseInt($0, maximum: maximum) }
    }

    package static func parseInt(_ bytes: Slice<UnsafeRawBufferPointer>, maximum: Int = Int.max) -> Int? {
        parseInt(UnsafeRawBufferPointer(rebasing: bytes), maximum: maximum)
    }

    package static func parseInt(_ bytes: UnsafeRawBufferPointer, maximum: Int = Int.max) -> Int? {
        guard maximum >= 0, let value = parse(bytes, maximum: UInt64(maximum)) else { return nil }
        return Int(exactly: value)
    }

    /// Appends `value` in decimal without a detour over `String`.
    package static func append(_ value: Int, to output: inout [UInt8], minimumDigits: Int = 1) {
        if value < 0 { output.append(0x2D) }
        var rest = value.magnitude
        let start = output.count
        repeat {
            output.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        while output.count - start < minimumDigits { output.append(0x30) }
        output[start...].reverse()
    }
}
