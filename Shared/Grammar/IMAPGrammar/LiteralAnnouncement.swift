/// `{n}`, or `{n+}` (RFC 7888), at the end of a line.
enum LiteralAnnouncement: Equatable {
    case none
    /// Something that begins like a literal and is none; `nonSynchronising` when the client would not wait.
    case malformed(nonSynchronising: Bool)
    /// `start` is the index of the `{` in the slice that was looked at. A size beyond Int is reported as Int.max.
    case literal(size: Int, synchronising: Bool, start: Int)

    /// Looks at a line without its CRLF. An opening brace inside a quoted string announces nothing; outside of one it
    /// can only be a literal, because `{` is no ATOM-CHAR.
    init(endOf line: ArraySlice<UInt8>) {
        guard line.last == UInt8(ascii: "}"), let start = line.lastIndex(of: UInt8(ascii: "{")) else {
            self = .none
            return
        }
        var digits = line[(start + 1)...].dropLast()
        let synchronising = digits.last != UInt8(ascii: "+")
        if !synchronising { digits = digits.dropLast() }
        let isNumber = !digits.isEmpty && digits.allSatisfy(IMAPCharacter.isDigit)

        guard !Self.isQuoted(start, in: line) else {
            // In a string that is never closed. If the client thinks it announced something, its bytes are coming.
            let closed = !Self.isQuoted(line.endIndex, in: line)
            self = closed || synchronising || !isNumber ? .none : .malformed(nonSynchronising: true)
            return
        }
        guard isNumber else {
            self = .malformed(nonSynchronising: !synchronising)
            return
        }
        var size = 0
        for digit in digits {
            let (product, overflow) = size.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit & 0x0F))
            if overflow || carry {
                size = .max
                break
            }
            size = sum
        }
        self = .literal(size: size, synchronising: synchronising, start: start)
    }

    /// Whether a quoted string is open before `index`.
    private static func isQuoted(_ index: Int, in line: ArraySlice<UInt8>) -> Bool {
        var quoted = false
        var escaped = false
        for byte in line[..<index] {
            if escaped {
                escaped = false
            } else if byte == UInt8(ascii: "\"") {
                quoted.toggle()
            } else if quoted, byte == UInt8(ascii: "\\") {
                escaped = true
            }
        }
        return quoted
    }
}
