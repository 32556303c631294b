/// Why a mail got its verdict: the closed set that stores, counters and clients may rely on.
package enum ReasonCode: String, Sendable, CaseIterable {
    // Deterministic rules
    case ruleTestPattern = "rule.test-pattern"
    case ruleDisguisedProgram = "rule.disguised-program"
    // Words, by the field they stand in
    case wordsSubject = "words.subject"
    case wordsSender = "words.sender"
    case wordsBody = "words.body"
    case wordsLinks = "words.links"
    // Letter patterns, where no single word can be named
    case headerPattern = "header.pattern"
    case textPattern = "text.pattern"
    // Facts of construction
    case linkMismatch = "link.mismatch"
    case linkHost = "link.host"
    case linkForm = "link.form"
    case hiddenText = "text.hidden"
    case disguise = "text.disguised"
    case attachment = "attachment.kind"
    case senderIdentity = "sender.identity"
    case structure = "mail.structure"
    case topic = "text.topic"

    /// Reasons that are about where a mail leads its reader; they tell phishing from advertising.
    var isAboutLinks: Bool {
        switch self {
        case .linkMismatch, .linkHost, .linkForm: true
        default: false
        }
    }
}
