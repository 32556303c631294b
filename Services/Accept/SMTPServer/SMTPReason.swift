/// Why a session ended or a mail was refused: the closed set behind logs and metrics.
package enum SMTPReason: String, Sendable, CaseIterable {
    // Ends without fault
    case quit, closed, timeout, shutdown
    // Refusals
    case syntax, sequence, unknownRecipient = "unknown_recipient", relayDenied = "relay_denied"
    case senderNotOwned = "sender_not_owned", authenticationRequired = "authentication_required"
    case tlsRequired = "tls_required", authenticationFailed = "authentication_failed"
    case tooManyRecipients = "too_many_recipients", tooLarge = "too_large", bareNewline = "bare_newline", loop
    case storage, outboxFull = "outbox_full", notOffered = "not_offered"
    // Ends for a fault
    case junk, badRecipients = "bad_recipients", longLines = "long_lines", guessing, http, bdat
    case earlyTalker = "early_talker", earlyData = "early_data", plaintextInjection = "plaintext_injection"
    case tlsFailed = "tls_failed", slowData = "slow_data", flood, internalFault = "internal_fault"
}
