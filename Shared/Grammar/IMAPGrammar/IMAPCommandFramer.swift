/// The bytes of one command as they came, literals with their `{n}` CRLF in place, without the last CRLF.
package struct IMAPFrame: Sendable, Equatable {
    package var bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
}

/// Finds the commands in the bytes of a connection (RFC 3501 2.2.1 and 4.3, RFC 7888): a push parser that is fed what
/// has arrived, in any pieces, and keeps at most one command.
///
/// It takes no byte beyond the outcome it returns, so a caller can hand the rest to something else: TLS, a streamed
/// message, an AUTHENTICATE line. Nothing is allocated by an announced size.
package struct IMAPCommandFramer: Sendable {
    package struct Limits: Sendable, Equatable {
        /// Bytes of a command outside its literals.
        package var text: Int
        package var literal: Int
        package var literalTotal: Int
        /// Largest message of APPEND; nil while APPEND is not possible (before login).
        package var message: Int?

        package init(text: Int, literal: Int, literalTotal: Int, message: Int?) {
            self.text = text
            self.literal = literal
            self.literalTotal = literalTotal
            self.message = message
        }

        package static let beforeLogin = Limits(
            text: IMAPLimits.textBeforeLogin, literal: IMAPLimits.literalTotalBeforeLogin,
            literalTotal: IMAPLimits.literalTotalBeforeLogin, message: nil)

        package static func afterLogin(message: Int) -> Limits {
            Limits(
                text: IMAPLimits.commandText, literal: IMAPLimits.literal, literalTotal: IMAPLimits.literalTotal,
                message: message)
        }
    }

    package enum Outcome: Sendable, Equatable {
        /// Everything fed was taken; feed more.
        case needMore
        /// A synchronising literal of an argument may come: write a continuation request, then feed on.
        case continuation
        case command(IMAPFrame)
        /// `tag APPEND mailbox ... {size}` up to the message, whose first byte is the next one not taken. Either let
        /// the client send it (a continuation request if `synchronising`), take `size` bytes from the connection
        /// yourself and feed on until `.appendEnd`; or, only if `synchronising`, answer the tag with NO and call
        /// `refuseMessage()`. A message with `{size+}` that is refused must still be skipped.
        case append(IMAPFrame, size: Int, synchronising: Bool)
        /// The line of a streamed APPEND ended: the command is complete.
        case appendEnd
        case wrong(IMAPSyntaxError)
    }

    package var limits: Limits

    package init(limits: Limits = .beforeLogin) { self.limits = limits }

    /// Takes bytes up to the next outcome; `consumed` says how many.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer) -> (consumed: Int, outcome: Outcome) {
        (bytes.count, .needMore)
    }

    /// The client was told NO instead of a continuation request: it sends a new command next.
    package mutating func refuseMessage() {}

    /// Nothing of a command has arrived yet.
    package var isAtStart: Bool { true }
}
