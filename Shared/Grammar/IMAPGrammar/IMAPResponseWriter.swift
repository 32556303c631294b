/// Appends responses to a byte buffer (RFC 3501 7). It writes what it is told: the order of responses, and whether they
/// may be sent now, is the session's business.
package struct IMAPResponseWriter: Sendable {
    package private(set) var bytes: [UInt8]

    package init(capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package var count: Int { bytes.count }
    package var isEmpty: Bool { bytes.isEmpty }

    /// Hands the bytes over and begins anew.
    package mutating func take() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        return taken
    }

    // MARK: - Pieces

    package mutating func raw(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    package mutating func raw(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Literal protocol text.
    package mutating func word(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    package mutating func byte(_ byte: UInt8) { bytes.append(byte) }
    package mutating func space() { bytes.append(0x20) }
    package mutating func crlf() { word("\r\n") }

    package mutating func number(_ value: some BinaryInteger) {
        guard value >= 0, let magnitude = UInt64(exactly: value) else {
            raw(String(value))
            return
        }
        if magnitude < 10 {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: magnitude))
            return
        }
        var rest = magnitude
        let start = bytes.count
        while rest > 0 {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        }
        bytes[start...].reverse()
    }

    /// Space-separated things, in parentheses.
    package mutating func list<Element>(
        _ elements: some Sequence<Element>, _ write: (inout IMAPResponseWriter, Element) -> Void
    ) {
        byte(UInt8(ascii: "("))
        separated(elements, write)
        byte(UInt8(ascii: ")"))
    }

    mutating func separated<Element>(
        _ elements: some Sequence<Element>, _ write: (inout IMAPResponseWriter, Element) -> Void
    ) {
        var first = true
        for element in elements {
            if !first { space() }
            first = false
            write(&self, element)
        }
    }
}
