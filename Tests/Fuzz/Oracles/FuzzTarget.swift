/// What is fuzzed. The raw value is the name of the folders and, behind `fuzz-`, of the program.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case bus
    case decoders
    case dkim
    case headers
    case imapCommands = "imap-commands"
    case imapNames = "imap-names"
    case messages
    case pop3
    case sasl
    case smtpCommands = "smtp-commands"
    case smtpData = "smtp-data"
    case smtpDialogue = "smtp-dialogue"
    case smtpReplies = "smtp-replies"

    /// Checks all that must hold for `input`. A trap is a finding too.
    package func check(_ input: [UInt8]) throws(OracleFailure) {
        switch self {
        case .bus: try BusOracle.check(input)
        case .decoders: try DecoderOracle.check(input)
        case .dkim: try DKIMOracle.check(input)
        case .headers: try HeaderOracle.check(input)
        case .imapCommands: try IMAPCommandOracle.check(input)
        case .imapNames: try IMAPNameOracle.check(input)
        case .messages: try MessageOracle.check(input)
        case .pop3: try POP3Oracle.check(input)
        case .sasl: try SASLOracle.check(input)
        case .smtpCommands: try SMTPCommandOracle.check(input)
        case .smtpData: try SMTPDataOracle.check(input)
        case .smtpDialogue: try SMTPDialogueOracle.check(input)
        case .smtpReplies: try SMTPReplyOracle.check(input)
        }
    }

    /// For libFuzzer: whoever calls this is told of a failure by the end of the process.
    package func run(_ start: UnsafePointer<UInt8>?, _ count: Int) {
        do {
            try check(Array(UnsafeBufferPointer(start: start, count: count)))
        } catch {
            fatalError("\(rawValue): \(error)")
        }
    }
}
