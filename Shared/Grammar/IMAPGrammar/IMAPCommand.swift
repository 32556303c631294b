package import MailCore

/// A command with the tag under which its result is reported (RFC 3501 2.2.1).
package struct IMAPTaggedCommand: Sendable, Equatable {
    package var tag: String
    package var command: IMAPCommand

    package init(tag: String, command: IMAPCommand) {
        self.tag = tag
        self.command = command
    }
}

/// All commands of RFC 3501 and of the extensions that Martlet offers.
package enum IMAPCommand: Sendable, Equatable {
    // Any state
    case capability, noop, logout
    case id([IMAPIDPair])  // RFC 2971; NIL is empty
    // Not authenticated
    case startTLS
    case authenticate(IMAPAuthenticate)  // RFC 4959 SASL-IR
    case login(IMAPLogin)
    // Authenticated
    case enable([String])  // RFC 5161, capability names in capitals
    case select(IMAPSelect)
    case examine(IMAPSelect)
    case create(MailboxName, specialUse: [SpecialUse])  // RFC 6154 3
    case delete(MailboxName)
    case rename(from: MailboxName, to: MailboxName)
    case subscribe(MailboxName)
    case unsubscribe(MailboxName)
    case list(IMAPList)
    case lsub(reference: [UInt8], pattern: ListPattern)
    case status(MailboxName, [StatusItem])
    /// Everything before the message; the message follows as a streamed literal.
    case append(IMAPAppend)
    case namespace  // RFC 2342
    case idle  // RFC 2177; DONE is a continuation line
    // Selected
    case check, close
    case unselect  // RFC 3691
    case expunge
    case uidExpunge(SequenceSet)  // RFC 4315
    case search(IMAPSearch, uid: Bool)
    case fetch(IMAPFetch, uid: Bool)
    case store(IMAPStore, uid: Bool)
    case copy(SequenceSet, MailboxName, uid: Bool)
    case move(SequenceSet, MailboxName, uid: Bool)  // RFC 6851

    /// The command's name for logs, metrics and "OK <name> completed".
    package var name: String {
        switch self {
        case .capability: "CAPABILITY"
        case .noop: "NOOP"
        case .logout: "LOGOUT"
        case .id: "ID"
        case .startTLS: "STARTTLS"
        case .authenticate: "AUTHENTICATE"
        case .login: "LOGIN"
        case .enable: "ENABLE"
        case .select: "SELECT"
        case .examine: "EXAMINE"
        case .create: "CREATE"
        case .delete: "DELETE"
        case .rename: "RENAME"
        case .subscribe: "SUBSCRIBE"
        case .unsubscribe: "UNSUBSCRIBE"
        case .list: "LIST"
        case .lsub: "LSUB"
        case .status: "STATUS"
        case .append: "APPEND"
        case .namespace: "NAMESPACE"
        case .idle: "IDLE"
        case .check: "CHECK"
        case .close: "CLOSE"
        case .unselect: "UNSELECT"
        case .expunge: "EXPUNGE"
        case .uidExpunge: "UID EXPUNGE"
        case .search(_, let uid): uid ? "UID SEARCH" : "SEARCH"
        case .fetch(_, let uid): uid ? "UID FETCH" : "FETCH"
        case .store(_, let uid): uid ? "UID STORE" : "STORE"
        case .copy(_, _, let uid): uid ? "UID COPY" : "COPY"
        case .move(_, _, let uid): uid ? "UID MOVE" : "MOVE"
        }
    }
}

/// LOGIN (RFC 3501 6.2.3). Names and passwords are octets; the server decides on their encoding.
package struct IMAPLogin: Sendable, Equatable {
    package var user: [UInt8]
    package var password: Secret<[UInt8]>

    package init(user: [UInt8], password: [UInt8]) {
        self.user = user
        self.password = Secret(password)
    }

    package static func == (left: IMAPLogin, right: IMAPLogin) -> Bool {
        left.user == right.user && left.password.reveal() == right.password.reveal()
    }
}

/// AUTHENTICATE (RFC 3501 6.2.2) with an optional initial response (RFC 4959), still in base64; `=` means empty.
package struct IMAPAuthenticate: Sendable, Equatable {
    package var mechanism: String  // in capitals
    package var initialResponse: Secret<[UInt8]>?

    package init(mechanism: String, initialResponse: [UInt8]?) {
        self.mechanism = mechanism
        self.initialResponse = initialResponse.map(Secret.init)
    }

    package static func == (left: IMAPAuthenticate, right: IMAPAuthenticate) -> Bool {
        left.mechanism == right.mechanism && left.initialResponse?.reveal() == right.initialResponse?.reveal()
    }
}

/// One field of ID (RFC 2971 3.1).
package struct IMAPIDPair: Sendable, Equatable {
    package var field: [UInt8]
    package var value: [UInt8]?

    package init(field: [UInt8], value: [UInt8]?) {
        self.field = field
        self.value = value
    }
}
