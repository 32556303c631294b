import MailWire

/// Looks for a CR or LF that stands alone in outgoing content, bytes in any cuts (RFC 5321 2.3.8). None may be sent:
/// to the next server it could be an end of line, and what follows it a command.
package struct SMTPContentCheck: Sendable {
    private var endsInCarriageReturn = false

    package init() {}

    /// False when a lone one is in it, or was at the end of what came before.
    package mutating func accepts(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let last = bytes.last else { return true }
        var isAfterReturn = endsInCarriageReturn
        endsInCarriageReturn = last == .carriageReturn
        // Without branches on the bytes of a line: one flag gathers what is wrong.
        var wrong = false
        for byte in bytes {
            wrong = wrong || (byte == .lineFeed) != isAfterReturn
            isAfterReturn = byte == .carriageReturn
        }
        return !wrong
    }

    /// Whether the content may end here.
    package var isComplete: Bool { !endsInCarriageReturn }
}
