import MailWire

/// Headers without the empty line that ends them (RFC 5322 2.1), or mail without a header at all.
enum OddHeader {
    enum Line {
        /// Added by servers on the way: Received, Return-Path and the like.
        case traceField
        case ownField
        case noField
    }

    private static let traceFields: [StaticString] = [
        "received", "return-path", "delivered-to", "x-original-to", "authentication-results", "received-spf",
    ]

    /// What the line at `start` is; a folded line belongs to the field before it.
    static func judge(_ header: [UInt8], _ start: Int) -> Line {
        header.withUnsafeBytes { bytes in
            guard start < bytes.count else { return .traceField }
            if bytes[start].isWSP { return start == 0 ? .noField : .traceField }
            if start == 0, isEnvelopeLine(bytes) { return .traceField }
            guard let name = HeaderFieldWalk.fieldName(bytes, start..<bytes.count)?.range else { return .noField }
            let found = UnsafeRawBufferPointer(rebasing: bytes[name])
            return traceFields.contains { ASCII.equalsIgnoringCase(found, $0) } ? .traceField : .ownField
        }
    }

    /// The `From ` line of an mbox file.
    static func isEnvelopeLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
        ASCII.hasPrefixIgnoringCase(bytes, "from ") || ASCII.hasPrefixIgnoringCase(bytes, ">from ")
    }

    static func firstLineWithoutField(_ header: [UInt8]) -> Int? {
        var start = 0
        while start < header.count {
            let end = header[start...].firstIndex(of: .lineFeed).map { $0 + 1 } ?? header.count
            if case .noField = judge(Array(header[start..<end]), 0), !(start > 0 && header[start].isWSP) {
                return start
            }
            start = end
        }
        return nil
    }
}
