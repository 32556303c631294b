/// Dot-stuffing for what we send (RFC 5321 4.5.2, RFC 1939 3): a dot at the start of a line is doubled. Push, any cuts.
package struct DotStuffing: Sendable {
    private var isLineStart = true
    private var endsInCarriageReturn = false

    package init() {}

    package mutating func encode(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        // Only once: exact reservations on every piece would copy the output again and again.
        if output.isEmpty { output.reserveCapacity(input.count + 16) }
        for byte in input {
            if isLineStart, byte == UInt8(ascii: ".") { output.append(byte) }
            output.append(byte)
            isLineStart = endsInCarriageReturn && byte == .lineFeed
            endsInCarriageReturn = byte == .carriageReturn
        }
    }

    /// The terminator, with a CRLF before it unless the body ended with one.
    package func end(into output: inout [UInt8]) {
        output.append(contentsOf: (isLineStart ? ".\r\n" : "\r\n.\r\n").utf8)
    }
}
