/// Appends responses to a byte buffer (RFC 3501 7). It writes what it is told: the order of responses, and whether they
/// may be sent now, is the session's business.
package struct IMAPResponseWriter: Sendable {
    package private(set) var bytes: [UInt8]
    /// Nil while nobody watches, and while content is written.
    private var shown: ShownResponses?

    package init(capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package var count: Int { bytes.count }
    package var isEmpty: Bool { bytes.isEmpty }

    /// Hands the bytes over and begins anew.
    package mutating func take() -> [UInt8] {
        shown?.add(bytes)
        shown?.skip(to: 0)
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        return taken
    }

    // MARK: - For whoever watches

    /// Changes only between two responses, when there is nothing to take.
    package var isWatched: Bool {
        get { shown != nil }
        set { if newValue != isWatched, isEmpty { shown = newValue ? ShownResponses() : nil } }
    }

    /// The responses that are complete, each once. Of a long series the rest is counted, which is told at its end.
    package mutating func takeShown(endOfSeries: Bool) -> [ShownResponse] {
        shown?.take(endOfSeries: endOfSeries) ?? []
    }

    /// Content of a mail, or a secret: all that is shown of it is `size`, or how much `write` appends.
    mutating func content(_ size: Int? = nil, _ write: (inout IMAPResponseWriter) -> Void) {
        let start = bytes.count
        unshown(write)
        shown?.showSize(size ?? bytes.count - start)
    }

    private mutating func unshown(_ write: (inout IMAPResponseWriter) -> Void) {
        shown?.add(bytes)
        var kept: ShownResponses?
        swap(&kept, &shown)
        write(&self)
        swap(&kept, &shown)
        shown?.skip(to: bytes.count)
    }

    /// Content whose size was shown when it was announced.
    package mutating func announced(_ octets: some Sequence<UInt8>) { unshown { $0.raw(octets) } }

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
    /// The end of a response.
    package mutating func crlf() {
        shown?.add(bytes)
        shown?.endResponse()
        word("\r\n")
        shown?.skip(to: bytes.count)
    }

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
