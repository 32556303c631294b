package import LineServer
import MailCore
import POP3Grammar
import SASL

/// A session as whoever watches it may see it.
extension POP3Dialogue {
    /// Decided by what the line is, not by what it looks like: of passwords and AUTH exchanges only the length is left.
    /// What is no command may be one, such as the rest of an AUTH exchange that was refused.
    package func shown(_ line: [UInt8]) -> RedactedText {
        guard !isAuthenticating, let command = try? POP3Command(line) else { return .secret(line.count) }
        switch command {
        case .pass(let password): return RedactedText(line: "PASS ".utf8, secret: password.reveal().count)
        case .auth(let name, let initial):
            let mechanism = SASLMechanism(name).map { "\($0.rawValue) " } ?? ""
            return RedactedText(line: "AUTH \(mechanism)".utf8, secret: initial?.reveal().count ?? 0)
        // A name has no spaces; what follows one is a password that somebody put on the same line.
        case .user(let name) where name.contains(UInt8(ascii: " ")):
            return RedactedText(line: "USER ".utf8, secret: name.count)
        case .http: return .secret(line.count)
        default: return RedactedText(line: line)
        }
    }
}

extension RedactedText {
    /// The answer to LIST or UIDL, in short.
    static func lines(of maildrop: Maildrop?) -> RedactedText {
        RedactedText(line: "+OK \(maildrop?.summary ?? ""), a line for each".utf8)
    }
}
