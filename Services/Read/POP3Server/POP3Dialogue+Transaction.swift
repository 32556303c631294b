import POP3Grammar
import Storage

/// TRANSACTION: the client reads the maildrop and marks what QUIT shall delete (RFC 1939 5, 7).
extension POP3Dialogue {
    mutating func transact(_ command: POP3Command) -> POP3Action {
        guard case .transaction = state else { return misplaced() }
        switch command {
        case .stat: return onMaildrop { .reply(.ok("\($0.count) \($0.octets)")) }
        case .list(nil): return onMaildrop { .list(MaildropListing($0, .sizes)) }
        case .uidl(nil): return onMaildrop { .list(MaildropListing($0, .uniqueIDs)) }
        case .list(let number?): return onMessage(number) { .reply(.ok("\(number) \($0.message(at: $1).size)")) }
        case .uidl(let number?): return onMessage(number) { .reply(.ok("\(number) \($0.uniqueID(of: $1))")) }
        case .retr(let number): return find(number, lines: nil)
        case .top(let number, let lines): return find(number, lines: lines)
        case .dele(let number): return delete(number)
        case .noop: return .reply(POP3Replies.noop)
        case .rset: return reset()
        case .stls, .user, .pass, .auth: return .refuse(POP3Replies.loggedInAlready, .sequence)
        case .capa, .quit, .http: return misplaced()
        }
    }

    private func onMaildrop(_ act: (Maildrop) -> POP3Action) -> POP3Action { maildrop.map(act) ?? misplaced() }

    /// A number that no message has, or a marked one, is answered alike (RFC 1939 5).
    private func onMessage(_ number: Int, _ act: (Maildrop, Maildrop.Index) -> POP3Action) -> POP3Action {
        guard let maildrop, let index = maildrop.index(ofNumber: number) else {
            return .refuse(POP3Replies.noSuchMessage, .noSuchMessage)
        }
        return act(maildrop, index)
    }

    // MARK: - RETR and TOP

    private mutating func find(_ number: Int, lines: Int?) -> POP3Action {
        let action = onMessage(number) { .find($1) }
        if case .find = action { state = .findingMessage(lines: lines) }
        return action
    }

    package mutating func messageFound(_ outcome: MessageOutcome) -> POP3Action {
        guard case .findingMessage(let lines) = state else { return misplaced() }
        state = .transaction
        switch outcome {
        case .found: return .transmit(POP3Replies.retrieved, lines: lines)
        case .gone: return .refuse(POP3Replies.messageGone, .messageGone)
        case .unavailable: return .refuse(POP3Replies.unavailable, .storage)
        }
    }

    // MARK: - DELE and RSET

    private mutating func delete(_ number: Int) -> POP3Action {
        guard let index = maildrop?.index(ofNumber: number) else {
            return .refuse(POP3Replies.noSuchMessage, .noSuchMessage)
        }
        maildrop?.mark(index)
        return .reply(.ok("Message \(number) marked"))
    }

    private mutating func reset() -> POP3Action {
        maildrop?.unmarkAll()
        return onMaildrop { .reply(POP3Replies.welcome($0)) }
    }
}
