import SASL
import SMTPGrammar
package import Storage

/// AUTH (RFC 4954).
extension SMTPDialogue {
    mutating func authenticate(_ name: [UInt8], _ initial: [UInt8]?) -> SMTPAction {
        // The same answer for every name and password: nothing of them is looked at in clear text.
        guard isSecure else { return .refuse(SMTPReplies.encryptionRequired, .tlsRequired) }
        guard role.isSubmission else { return .refuse(SMTPReplies.authenticationNotOffered, .notOffered) }
        guard case .ready = state, isExtended, login == nil else { return .refuse(SMTPReplies.badSequence, .sequence) }
        guard let mechanism = SASLMechanism(name) else { return .refuse(SMTPReplies.mechanismUnknown, .notOffered) }
        var exchange = SASLServerExchange(mechanism)
        let step = exchange.begin(initial: initial)
        return follow(step, exchange)
    }

    /// A line of the exchange, without CRLF.
    package mutating func authenticationLine(_ line: [UInt8]) -> SMTPAction {
        guard case .authenticating(var exchange) = state else { return misplaced() }
        let step = exchange.respond(line)
        return follow(step, exchange)
    }

    private mutating func follow(_ step: SASLServerExchange.Step, _ exchange: SASLServerExchange) -> SMTPAction {
        switch step {
        case .challenge(let text):
            state = .authenticating(exchange)
            return .challenge(SMTPReply(challenge: text))
        case .credentials(let credentials):
            state = .checkingPassword
            return .verify(credentials)
        case .cancelled:
            state = .ready
            return .refuse(SMTPReplies.authenticationCancelled, .authenticationFailed)
        case .malformed:
            return failed(SMTPReplies.authenticationMalformed)
        }
    }

    package mutating func authenticated(_ outcome: Authenticator.Outcome) -> SMTPAction {
        guard case .checkingPassword = state else { return misplaced() }
        switch outcome {
        case .accepted(let login):
            self.login = login
            state = .ready
            return .reply(SMTPReplies.authenticated)
        case .refused: return failed(SMTPReplies.authenticationFailed)
        case .throttled: return failed(SMTPReplies.authenticationThrottled)
        case .unavailable:
            state = .ready
            return .refuse(SMTPReplies.authenticationUnavailable, .storage)
        }
    }

    private mutating func failed(_ reply: SMTPReply) -> SMTPAction {
        state = .ready
        authenticationFailures += 1
        guard authenticationFailures < configuration.maximumAuthenticationFailures else {
            return .close(ending(.guessing), .guessing)
        }
        return .refuse(reply, .authenticationFailed)
    }
}
