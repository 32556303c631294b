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

    /// The writer has left content and secrets out.
    package init(_ response: ShownResponse) { self.init(line: response.text) }
}

extension IMAPSession {
    /// Tells whoever watches what was answered.
    func tell(_ connection: isolated LineConnection, endOfSeries: Bool = false) {
        guard out.isWatched else { return }
        for response in out.takeShown(endOfSeries: endOfSeries) {
            connection.event(.line(.toClient, RedactedText(response)))
        }
    }
}
