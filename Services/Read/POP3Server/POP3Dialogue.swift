import MailCore
package import POP3Grammar
import SASL
import Storage

/// The server's side of POP3, without I/O: each event returns what to do (RFC 1939 3-6).
package struct POP3Dialogue: Sendable {
    enum State: Sendable {
        /// RFC 1939 4: the client says who it is.
        case authorization(user: [UInt8]?)
        case authenticating(SASLServerExchange)
        case checkingPassword
        case openingMaildrop
        /// RFC 1939 5: the client reads, and marks what is to be deleted.
        case transaction
        case findingMessage(lines: Int?)
        /// RFC 1939 6: what is marked is being deleted.
        case update(count: Int)
    }

    let configuration: POP3Configuration
    let offersTLS: Bool
    var state = State.authorization(user: nil)
    package internal(set) var isSecure: Bool
    /// There from TRANSACTION on.
    package internal(set) var maildrop: Maildrop?
    var commandsBeforeLogin = 0
    var badCommands = 0
    var longLines = 0
    var loginFailures = 0

    package init(configuration: POP3Configuration, offersTLS: Bool, isSecure: Bool) {
        self.configuration = configuration
        self.offersTLS = offersTLS
        self.isSecure = isSecure
    }

    /// The state's own name, for whoever watches.
    package var stateName: String {
        switch state {
        case .authorization: "authorization"
        case .authenticating, .checkingPassword: "auth"
        case .openingMaildrop: "opening"
        case .transaction, .findingMessage: "transaction"
        case .update: "update"
        }
    }

    /// The next line is part of an AUTH exchange.
    package var isAuthenticating: Bool { if case .authenticating = state { true } else { false } }

    /// How long the client may be silent, so long after the session's begin.
    package func patience(after elapsed: Duration) -> Duration {
        maildrop == nil ? max(.zero, configuration.loginTimeout - elapsed) : configuration.autologout
    }

    // MARK: - Events of the session

    package var greeting: POP3Reply { POP3Replies.greeting }

    package mutating func lineTooLong() -> POP3Action {
        longLines += 1
        if isAuthenticating { state = .authorization(user: nil) }
        guard longLines < configuration.maximumLongLines else { return .close(POP3Replies.lineTooLong, .longLines) }
        return .refuse(POP3Replies.lineTooLong, .syntax)
    }

    /// RFC 2595 4: what was learnt in clear text is forgotten.
    package mutating func tlsStarted() {
        isSecure = true
        state = .authorization(user: nil)
    }

    // MARK: - Commands

    /// - Parameter isPipelined: more input is already waiting behind this line.
    package mutating func command(_ line: [UInt8], isPipelined: Bool) -> POP3Action {
        let command: POP3Command
        do throws(POP3SyntaxError) {
            command = try POP3Command(line)
        } catch {
            return refuse(error)
        }
        badCommands = 0
        if case .quit = command { return quit() }
        if case .http = command { return .close(nil, .http) }
        if case .capa = command { return countingBeforeLogin(capabilities()) }
        guard maildrop == nil else { return transact(command) }
        return countingBeforeLogin(authorize(command, isPipelined: isPipelined))
    }

    private mutating func refuse(_ error: POP3SyntaxError) -> POP3Action {
        badCommands += 1
        guard badCommands < configuration.maximumBadCommands else { return .close(POP3Replies.tooManyErrors, .junk) }
        switch error {
        case .tooLong: return lineTooLong()
        case .unknownCommand: return .refuse(POP3Replies.unknownCommand, .syntax)
        case .arguments: return .refuse(POP3Replies.badArguments, .syntax)
        }
    }

    /// Who only talks and never logs in is let go, whatever the answers were.
    private mutating func countingBeforeLogin(_ action: POP3Action) -> POP3Action {
        guard maildrop == nil else { return action }
        commandsBeforeLogin += 1
        guard commandsBeforeLogin < configuration.maximumCommandsBeforeLogin else {
            return .close(POP3Replies.tooManyErrors, .junk)
        }
        return action
    }

    /// RFC 2449 5: in every state.
    private func capabilities() -> POP3Action {
        let offered = POP3Capability.offered(isSecure: isSecure, offersTLS: offersTLS, isLoggedIn: maildrop != nil)
        return .reply(.ok("Capabilities follow", lines: offered.map(\.rawValue)))
    }

    // MARK: - The end

    /// RFC 1939 4 and 6: before login the session just ends; afterwards what is marked is deleted first.
    private mutating func quit() -> POP3Action {
        guard let maildrop, !maildrop.marked.isEmpty else { return .close(POP3Replies.bye, .quit) }
        state = .update(count: maildrop.size - maildrop.count)
        return .update(maildrop.marked)
    }

    package mutating func updated(_ outcome: UpdateOutcome) -> POP3Action {
        guard case .update(let count) = state else { return misplaced() }
        switch outcome {
        case .removed: return .close(POP3Replies.bye(deleted: count), .quit)
        case .leaseLost: return .close(POP3Replies.notRemoved, .leaseLost)
        case .unavailable: return .close(POP3Replies.notRemoved, .storage)
        }
    }

    /// An event came that no state of this dialogue waits for: a fault of ours, answered like any other.
    func misplaced() -> POP3Action { .close(POP3Replies.internalFault, .internalFault) }
}
