/// Lenient streaming base64: any cuts, never fails, skips what is not in the alphabet (RFC 2045 6.8).
package struct Base64Decoder: Sendable {
    private var word: UInt32 = 0
    private var digits = 0
    private var sawPadding = false

    /// Bytes that are neither alphabet, padding nor white space, or text after padding: readers may disagree about it.
    package private(set) var isAmbiguous = false

    package init() {}

    package mutating func feed(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        // Only once: exact reservations on every piece would copy the output again and again.
        if output.isEmpty { output.reserveCapacity(input.count / 4 * 3 + 3) }
        Base64.values.withUnsafeBufferPointer { values in
            for byte in input {
                let value = values[Int(byte)]
                guard value < Base64.padding else {
                    handleOther(byte, into: &output)
                    continue
                }
                if sawPadding {
                    isAmbiguous = true
                    sawPadding = false
                }
                word = word << 6 | UInt32(value)
                digits += 1
                guard digits == 4 else { continue }
                output.append(UInt8(truncatingIfNeeded: word >> 16))
                output.append(UInt8(truncatingIfNeeded: word >> 8))
                output.append(UInt8(truncatingIfNeeded: word))
                digits = 0
            }
        }
    }

    private mutating func handleOther(_ byte: UInt8, into output: inout [UInt8]) {
        if byte == UInt8(ascii: "=") {
            finish(into: &output)
            sawPadding = true
        } else if !byte.isFoldingWhiteSpace {
            isAmbiguous = true
        }
    }

    /// Writes the bytes of an unfinished group; a single left-over digit carries no byte.
    package mutating func finish(into output: inout [UInt8]) {
        if digits >= 2 { output.append(UInt8(truncatingIfNeeded: word >> (digits == 3 ? 10 : 4))) }
        if digits == 3 { output.append(UInt8(truncatingIfNeeded: word >> 2)) }
        digits = 0
    }
}
