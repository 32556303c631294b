import MailCore
import POP3Grammar
import SASL
package import Storage

/// AUTHORIZATION: TLS, login, and the maildrop taken for this session alone (RFC 1939 4, RFC 2595 4, RFC 5034).
extension POP3Dialogue {
    mutating func authorize(_ command: POP3Command, isPipelined: Bool) -> POP3Action {
        guard case .authorization(let user) = state else { return misplaced() }
        switch command {
        case .stls: return startTLS(isPipelined: isPipelined)
        case .user, .pass, .auth:
            // The same answer for every name and password: nothing of them is looked at in clear text.
            guard isSecure else { return .refuse(POP3Replies.startTLSFirst, .tlsRequired) }
            return logIn(command, user: user)
        case .capa, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .quit, .http:
            return .refuse(POP3Replies.logInFirst, .sequence)
        }
    }

    /// Clear text behind STLS ends the connection: the injected line is never answered (CVE-2011-0411, CVE-2021-38542).
    private mutating func startTLS(isPipelined: Bool) -> POP3Action {
        guard offersTLS, !isSecure else { return .refuse(POP3Replies.noTLS, .notOffered) }
        return isPipelined ? .close(nil, .plaintextInjection) : .startTLS(POP3Replies.startTLS)
    }

    private mutating func logIn(_ command: POP3Command, user: [UInt8]?) -> POP3Action {
        state = .authorization(user: nil)
        switch command {
        case .user(let name):
            state = .authorization(user: name)
            return .reply(POP3Replies.userOk)
        case .pass(let password):
            guard let user else { return .refuse(POP3Replies.sayUserFirst, .sequence) }
            // A name that cannot be one fails like a wrong password.
            guard let credentials = Credentials(identity: user, password: password.reveal()) else {
                return failed(POP3Replies.authenticationFailed)
            }
            state = .checkingPassword
            return .verify(credentials)
        case .auth(let name, let initial):
            guard let mechanism = SASLMechanism(name), mechanism == .plain else {
                return .refuse(POP3Replies.mechanismUnknown, .notOffered)
            }
            var exchange = SASLServerExchange(mechanism)
            let step = exchange.begin(initial: initial?.reveal())
            return follow(step, exchange)
        default:
            return misplaced()
        }
    }

    /// A line of an AUTH exchange, without CRLF.
    package mutating func authenticationLine(_ line: [UInt8]) -> POP3Action {
        guard case .authenticating(var exchange) = state else { return misplaced() }
        let step = exchange.respond(line)
        return follow(step, exchange)
    }

    private mutating func follow(_ step: SASLServerExchange.Step, _ exchange: SASLServerExchange) -> POP3Action {
        state = .authorization(user: nil)
        switch step {
        case .challenge(let text):
            state = .authenticating(exchange)
            return .reply(.challenge(text))
        case .credentials(let credentials):
            state = .checkingPassword
            return .verify(credentials)
        case .cancelled: return .refuse(POP3Replies.cancelled, .authenticationFailed)
        case .malformed: return failed(POP3Replies.malformed)
        }
    }

    package mutating func authenticated(_ outcome: Authenticator.Outcome) -> POP3Action {
        guard case .checkingPassword = state else { return misplaced() }
        state = .authorization(user: nil)
        switch outcome {
        case .accepted(let login):
            state = .openingMaildrop
            return .open(login.account)
        case .refused: return failed(POP3Replies.authenticationFailed)
        case .throttled: return failed(POP3Replies.throttled)
        case .unavailable: return .refuse(POP3Replies.unavailable, .storage)
        }
    }

    package mutating func maildropOpened(_ outcome: MaildropOutcome) -> POP3Action {
        guard case .openingMaildrop = state else { return misplaced() }
        state = .authorization(user: nil)
        switch outcome {
        case .opened(let snapshot):
            let opened = Maildrop(snapshot)
            maildrop = opened
            state = .transaction
            return .reply(POP3Replies.welcome(opened))
        case .inUse: return .refuse(POP3Replies.inUse, .inUse)
        case .noInbox: return .refuse(POP3Replies.noInbox, .storage)
        case .unavailable: return .refuse(POP3Replies.unavailable, .storage)
        }
    }

    private mutating func failed(_ reply: POP3Reply) -> POP3Action {
        loginFailures += 1
        guard loginFailures < configuration.maximumLoginFailures else { return .close(reply, .guessing) }
        return .refuse(reply, .authenticationFailed)
    }
}
