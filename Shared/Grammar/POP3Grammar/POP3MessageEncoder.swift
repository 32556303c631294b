import MailWire

/// A message on its way to a client: cut for TOP, dots stuffed, ended by a dot. One pass, in pieces of any size.
package struct POP3MessageEncoder: Sendable {
    private var stuffing = DotStuffing()
    private var top: TopLines?

    /// - Parameter lines: of the body, for TOP; `nil` is the whole message (RETR).
    package init(lines: Int?) { top = lines.map(TopLines.init) }

    /// TOP has all it wants: the rest need not be read.
    package var isComplete: Bool { top?.isComplete ?? false }

    package mutating func encode(_ piece: [UInt8], into output: inout [UInt8]) {
        piece.withUnsafeBytes { bytes in
            let wanted = top?.take(bytes) ?? bytes.count
            stuffing.encode(UnsafeRawBufferPointer(rebasing: bytes.prefix(wanted)), into: &output)
        }
    }

    package func end(into output: inout [UInt8]) { stuffing.end(into: &output) }
}
