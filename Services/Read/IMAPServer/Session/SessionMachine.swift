package import IMAPGrammar
package import MailCore

/// Where a session is (RFC 3501 3) and what it may do there. Pure: no connection, no database.
package struct SessionMachine: Sendable {
    package enum Phase: String, Sendable {
        case notAuthenticated = "not authenticated"
        case authenticated, selected, logout
    }

    /// What to do with a command that has been read.
    package enum Action: Equatable, Sendable {
        case run
        case refuse(IMAPResponseWriter.Condition, IMAPResponseCode?, String)
    }

    package enum LoginFailure: Equatable, Sendable { case tryAgain, close }

    /// A peer that guesses passwords is put off.
    package static let maximumLoginFailures = 3
    /// Commands in a row that the grammar refused.
    package static let maximumBadCommands = 20

    package private(set) var phase = Phase.notAuthenticated
    package private(set) var account: AccountID?
    private var failedLogins = 0
    private var badCommands = 0

    package init() {}

    /// RFC 3501 6: which commands are valid in which state. Before TLS no credentials are taken (RFC 3501 6.2.3,
    /// RFC 5530 PRIVACYREQUIRED), and the answer does not depend on them.
    package mutating func received(_ command: IMAPCommand, secure: Bool, canStartTLS: Bool) -> Action {
        badCommands = 0
        switch command {
        case .capability, .noop, .logout, .id:
            return .run
        case .startTLS:
            guard phase == .notAuthenticated, !secure, canStartTLS else {
                return .refuse(.bad, nil, "STARTTLS is not possible now")
            }
            return .run
        case .login, .authenticate:
            guard phase == .notAuthenticated else { return .refuse(.bad, nil, "Already logged in") }
            guard secure else { return .refuse(.no, .privacyRequired, "Start TLS first") }
            return .run
        case .enable, .select, .examine, .create, .delete, .rename, .subscribe, .unsubscribe, .list, .lsub, .status,
            .append, .namespace, .idle:
            return phase == .notAuthenticated ? .refuse(.bad, nil, "Log in first") : .run
        case .check, .close, .unselect, .expunge, .uidExpunge, .search, .fetch, .store, .copy, .move:
            switch phase {
            case .selected: return .run
            case .authenticated: return .refuse(.bad, nil, "No mailbox is selected")
            case .notAuthenticated, .logout: return .refuse(.bad, nil, "Log in first")
            }
        }
    }

    /// True when the peer sends nothing but junk and should be let go.
    package mutating func receivedNonsense() -> Bool {
        badCommands += 1
        return badCommands >= Self.maximumBadCommands
    }

    package mutating func loggedIn(_ account: AccountID) {
        self.account = account
        phase = .authenticated
    }

    package mutating func loginFailed() -> LoginFailure {
        failedLogins += 1
        return failedLogins >= Self.maximumLoginFailures ? .close : .tryAgain
    }

    package mutating func selected() { if phase == .authenticated { phase = .selected } }
    package mutating func deselected() { if phase == .selected { phase = .authenticated } }
    /// The session ends because of failed logins.
    package var isRefused: Bool { failedLogins >= Self.maximumLoginFailures }
    package mutating func loggedOut() { phase = .logout }
}

extension IMAPCommand {
    /// What a client sends while it reads one message after the other.
    var isReading: Bool {
        switch self {
        case .fetch, .store: true
        default: false
        }
    }

    /// RFC 3501 7.4.1: no EXPUNGE response while a command is in progress whose sequence numbers it would shift.
    var allowsExpunge: Bool {
        switch self {
        case .fetch(_, let uid), .store(_, let uid), .search(_, let uid): uid
        default: true
        }
    }
}
