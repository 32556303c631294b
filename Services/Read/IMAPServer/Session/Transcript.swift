package import IMAPGrammar
package import LineServer

/// A session as whoever watches it may see it.
extension RedactedText {
    /// Decided by what the command is, not by what it looks like: of credentials only the length is left.
    package init(_ tagged: IMAPTaggedCommand, _ frame: IMAPFrame) {
        switch tagged.command {
        case .login, .authenticate:
            let shown = "\(tagged.tag) \(tagged.command.name) "
            self.init(line: shown.utf8, secret: max(frame.bytes.count - shown.utf8.count, 0))
        default:
            self.init(line: frame.bytes)
        }
    }

    /// The result: a tag, and words of ours.
    init(_ tagged: IMAPTaggedCommand, _ completion: Completion) {
        self.init(line: "\(tagged.tag) \("\(completion.condition)".uppercased()) \(completion.text)".utf8)
    }
}
