/// Why a session ended or a command was refused: the closed set behind logs.
enum IMAPReason: String, Sendable {
    // Ends without fault
    case logout, closed, timeout, shutdown, mailboxDeleted = "mailbox_deleted"
    // Refusals
    case syntax, sequence, tlsRequired = "tls_required", authenticationFailed = "authentication_failed"
    case authenticationThrottled = "authentication_throttled"
    // Ends for a fault
    case junk, guessing, lostFraming = "lost_framing", longLines = "long_lines", flood
    case plaintextInjection = "plaintext_injection", tlsFailed = "tls_failed", bodyGone = "body_gone"
    case internalFault = "internal_fault"

    var isFault: Bool {
        switch self {
        case .logout, .closed, .timeout, .shutdown, .mailboxDeleted: false
        default: true
        }
    }
}
