/// The W3C Trace Context header value (`00-<trace 32 hex>-<span 16 hex>-<flags>`), one trace from socket to mailbox.
package struct TraceParent: Hashable, Sendable, Codable, CustomStringConvertible {
    package let description: String

    /// A new sampled trace.
    package static func start() -> TraceParent {
        var generator = SystemRandomNumberGenerator()
        let trace = hex(generator.next()) + hex(generator.next() | 1)
        return TraceParent(unchecked: "00-\(trace)-\(hex(generator.next() | 1))-01")
    }

    /// The same trace, a new span: what a stage hands on.
    package func child() -> TraceParent {
        var generator = SystemRandomNumberGenerator()
        return TraceParent(unchecked: "\(description.prefix(36))\(hex(generator.next() | 1))-01")
    }

    /// `nil` unless the text has the shape of version 00.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "00", parts[1].utf8.count == 32, parts[2].utf8.count == 16,
            parts[3].utf8.count == 2, text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || isLowerHex($0) })
        else { return nil }
        // "All bytes as zero are considered invalid" for trace and span.
        guard parts[1].utf8.contains(where: { $0 != UInt8(ascii: "0") }),
            parts[2].utf8.contains(where: { $0 != UInt8(ascii: "0") })
        else { return nil }
        self.description = text
    }

    private init(unchecked text: String) { self.description = text }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = TraceParent(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a traceparent")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

private func hex(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}

private func isLowerHex(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
