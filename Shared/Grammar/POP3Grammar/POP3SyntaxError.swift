/// What is wrong with a command. The client only ever reads `-ERR`; the difference is for the words behind it.
package enum POP3SyntaxError: Error, Sendable, Hashable {
    /// Longer than RFC 2449 4 allows.
    case tooLong
    case unknownCommand
    /// Arguments missing, too many, or not numbers within `POP3Limits.number`.
    case arguments
}
