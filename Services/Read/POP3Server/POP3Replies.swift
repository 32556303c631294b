import POP3Grammar

/// The replies of the server; those that never change are made once. Those before login say the same for every name and password.
enum POP3Replies {
    static let greeting = POP3Reply.ok("Martlet ready")
    static let startTLS = POP3Reply.ok("Begin TLS negotiation now")
    static let userOk = POP3Reply.ok("Say your password")
    static let noop = POP3Reply.ok("Nothing done")
    static let retrieved = POP3Reply.ok("Message follows")
    static let bye = POP3Reply.ok("Bye")

    /// At login and after RSET: what STAT would say, in words (RFC 1939 5).
    static func welcome(_ maildrop: Maildrop) -> POP3Reply {
        .ok("Maildrop has \(maildrop.summary)")
    }

    static func bye(deleted count: Int) -> POP3Reply { .ok("Bye, \(Maildrop.messages(count)) deleted") }

    static let unknownCommand = POP3Reply.error("Unknown command")
    static let badArguments = POP3Reply.error("Invalid arguments")
    static let lineTooLong = POP3Reply.error("Line too long")
    static let logInFirst = POP3Reply.error("Log in first")
    static let loggedInAlready = POP3Reply.error("Already logged in")
    static let sayUserFirst = POP3Reply.error("Say USER first")
    static let startTLSFirst = POP3Reply.error("Start TLS first")
    static let noTLS = POP3Reply.error("TLS is not possible now")
    static let mechanismUnknown = POP3Reply.error("Mechanism not offered")
    static let cancelled = POP3Reply.error("Authentication cancelled")
    static let malformed = POP3Reply.error("Cannot decode response")
    static let authenticationFailed = POP3Reply.error(.authentication, "Authentication failed")
    static let throttled = POP3Reply.error(.temporary, "Too many failed logins, try again later")
    static let unavailable = POP3Reply.error(.temporary, "Storage is not available, try again later")
    static let inUse = POP3Reply.error(.inUse, "Another session has the maildrop")
    static let noInbox = POP3Reply.error(.permanent, "The account has no Inbox")
    static let noSuchMessage = POP3Reply.error("No such message")
    static let messageGone = POP3Reply.error("Message was removed meanwhile")
    static let notRemoved = POP3Reply.error(.temporary, "Some messages may not have been removed")

    static let earlyTalker = POP3Reply.error("Wait for the greeting")
    static let tooManyErrors = POP3Reply.error("Too many errors, closing connection")
    static let shutdown = POP3Reply.error(.temporary, "Server is going down, come back soon")
    static let internalFault = POP3Reply.error(.temporary, "Internal fault, closing connection")
    static let full = POP3Reply.error(.temporary, "Too many connections, try again later")
}
