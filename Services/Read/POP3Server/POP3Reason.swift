/// Why a session ended or a command was refused: the closed set behind logs and metrics.
package enum POP3Reason: String, Sendable, CaseIterable {
    // Ends without fault
    case quit, closed, timeout, shutdown
    // Refusals
    case syntax, sequence, notOffered = "not_offered", tlsRequired = "tls_required"
    case authenticationFailed = "authentication_failed", inUse = "in_use", noSuchMessage = "no_such_message"
    case messageGone = "message_gone", leaseLost = "lease_lost", storage
    // Ends for a fault
    case junk, longLines = "long_lines", guessing, http, earlyTalker = "early_talker"
    case plaintextInjection = "plaintext_injection", tlsFailed = "tls_failed", flood, brokenMessage = "broken_message"
    case internalFault = "internal_fault"
}
