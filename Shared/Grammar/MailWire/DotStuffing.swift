/// Dot-stuffing for what we send (RFC 5321 4.5.2, RFC 1939 3): a dot at the start of a line is doubled. Push, any cuts.
///
/// A line starts behind a bare LF too: readers that take one for the end of a line must not meet a lone dot there, and
/// those that do not see one dot more in a mail that no standard allows.
package struct DotStuffing: Sendable {
    private static let dot = UInt8(ascii: ".")

    private var last = UInt8.lineFeed
    private var endsInCRLF = true

    package init() {}

    package mutating func encode(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        guard let first = input.first, let end = input.last else { return }
        // Only once: exact reservations on every piece would copy the output again and again.
        if output.isEmpty { output.reserveCapacity(input.count + 16) }
        if first == Self.dot, last == .lineFeed { output.append(Self.dot) }
        var copied = 0
        var position = 0
        while let lineFeed = LineFeed.find(in: input, from: position) {
            position = lineFeed + 1
            guard position < input.count, input[position] == Self.dot else { continue }
            output.append(contentsOf: input[copied..<position])
            output.append(Self.dot)
            copied = position
        }
        output.append(contentsOf: input[copied...])
        endsInCRLF = end == .lineFeed && (input.count > 1 ? input[input.count - 2] : last) == .carriageReturn
        last = end
    }

    /// The terminator, with a CRLF before it unless the body ended with one.
    package func end(into output: inout [UInt8]) {
        output.append(contentsOf: (endsInCRLF ? ".\r\n" : "\r\n.\r\n").utf8)
    }
}
