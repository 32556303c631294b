import MailCore
import SASL
package import SMTPGrammar
package import Storage

/// The server's side of SMTP, without I/O: each event returns what to do (RFC 5321 3, 4.1.4).
package struct SMTPDialogue: Sendable {
    enum State: Sendable {
        /// Waiting for EHLO or HELO: at the start and after TLS began (RFC 3207 4.2).
        case fresh
        case ready
        case authenticating(SASLServerExchange)
        case checkingPassword
        case checkingSender(SMTPTransaction)
        case mail(SMTPTransaction)
        case resolving(SMTPTransaction, given: SMTPMailbox)
        case receiving
    }

    let configuration: SMTPConfiguration
    let role: SMTPRole
    var state = State.fresh
    package internal(set) var isSecure: Bool
    /// What the client calls itself.
    package internal(set) var clientName = ""
    /// Said EHLO, not HELO.
    package internal(set) var isExtended = false
    package internal(set) var login: Authenticator.Login?
    package internal(set) var badRecipients = 0
    var junk = 0
    var longLines = 0
    var authenticationFailures = 0

    package init(configuration: SMTPConfiguration, role: SMTPRole, isSecure: Bool) {
        self.configuration = configuration
        self.role = role
        self.isSecure = isSecure
    }

    /// The state's own name, for whoever watches.
    package var stateName: String {
        switch state {
        case .fresh: "fresh"
        case .ready: "ready"
        case .authenticating, .checkingPassword: "auth"
        case .checkingSender, .mail, .resolving: "mail"
        case .receiving: "data"
        }
    }

    /// The next line is part of an AUTH exchange.
    package var isAuthenticating: Bool { if case .authenticating = state { true } else { false } }

    /// Whoever watches may see the line: a command that is known and has no password. What is none may be one, such as
    /// the rest of an AUTH exchange that was refused after its first line.
    package func mayShow(_ line: [UInt8]) -> Bool {
        guard !isAuthenticating, let command = try? SMTPCommand(line) else { return false }
        switch command {
        case .auth, .http: return false
        default: return true
        }
    }

    // MARK: Session events

    package var greeting: SMTPReply { SMTPReply(220, "\(configuration.hostname) ESMTP Martlet") }

    package func ending(_ reason: SMTPReason) -> SMTPReply {
        switch reason {
        case .timeout: SMTPReply(421, "4.4.2", "\(configuration.hostname) Timeout, closing connection")
        case .shutdown: SMTPReply(421, "4.3.2", "\(configuration.hostname) Shutting down, try again later")
        case .earlyTalker: SMTPReply(554, "5.5.1", "Wait for the greeting")
        case .slowData: SMTPReply(421, "4.4.2", "\(configuration.hostname) Too slow, closing connection")
        default: SMTPReply(421, "4.7.0", "\(configuration.hostname) Too many errors, closing connection")
        }
    }

    package mutating func lineTooLong() -> SMTPAction {
        longLines += 1
        if isAuthenticating { state = .ready }
        guard longLines < configuration.maximumLongLines else { return .close(SMTPReplies.lineTooLong, .longLines) }
        return .refuse(SMTPReplies.lineTooLong, .syntax)
    }

    /// RFC 3207 4.2: everything learnt in clear text is forgotten.
    package mutating func tlsStarted() {
        isSecure = true
        isExtended = false
        clientName = ""
        state = .fresh
    }

    // MARK: Commands

    /// - Parameter isPipelined: more input is already waiting behind this line.
    package mutating func command(_ line: [UInt8], isPipelined: Bool) -> SMTPAction {
        let command: SMTPCommand
        do throws(SMTPSyntaxError) {
            command = try SMTPCommand(line)
        } catch {
            if error == .tooLong { return lineTooLong() }
            return countJunk(.refuse(Self.reply(to: error, line), .syntax))
        }
        switch command {
        case .ehlo(let name): return countJunk(hello(name, isExtended: true))
        case .helo(let name): return countJunk(hello(name, isExtended: false))
        case .mail(let path, let parameters): return mail(path, parameters)
        case .rcpt(let path): return recipient(path)
        case .data: return data(isPipelined: isPipelined)
        case .rset: return countJunk(reset())
        case .noop: return countJunk(.reply(SMTPReplies.reset))
        case .vrfy: return countJunk(.reply(SMTPReplies.vrfy))
        case .expn: return countJunk(.refuse(SMTPReplies.expn, .notOffered))
        case .help: return countJunk(.reply(SMTPReplies.help))
        case .quit: return .close(SMTPReplies.bye, .quit)
        case .startTLS: return countJunk(startTLS())
        case .auth(let mechanism, let initial): return countJunk(authenticate(mechanism, initial))
        case .bdat: return .close(SMTPReplies.bdat, .bdat)
        case .http: return .close(nil, .http)
        }
    }

    /// Whoever only talks is sent away, whatever the answers were.
    func countingIsOver() -> Bool { junk >= configuration.maximumJunk }

    mutating func countJunk(_ action: SMTPAction) -> SMTPAction {
        junk += 1
        return countingIsOver() ? .close(ending(.junk), .junk) : action
    }

    private static func reply(to error: SMTPSyntaxError, _ line: [UInt8]) -> SMTPReply {
        switch error {
        case .tooLong: SMTPReplies.lineTooLong
        case .unknownVerb: SMTPReplies.unknownVerb
        case .arguments: SMTPReplies.badArguments
        case .address:
            // 'M' or 'm' begins MAIL, the only other command with an address is RCPT.
            line.first.map { $0 | 0x20 } == UInt8(ascii: "m")
                ? SMTPReplies.badSenderSyntax : SMTPReplies.badRecipientSyntax
        case .nonASCIIAddress: SMTPReplies.nonASCIIAddress
        case .parameter: SMTPReplies.badParameter
        case .unknownParameter: SMTPReplies.unknownParameter
        }
    }

    /// RFC 5321 4.1.1.1: a transaction under way is forgotten.
    private mutating func hello(_ name: String, isExtended: Bool) -> SMTPAction {
        clientName = name
        self.isExtended = isExtended
        state = .ready
        guard isExtended else { return .reply(SMTPReply(250, configuration.hostname)) }
        var lines = [configuration.hostname, "PIPELINING", "SIZE \(configuration.maximumSize)"]
        if configuration.offersTLS, !isSecure { lines.append("STARTTLS") }
        if role.isSubmission, isSecure { lines.append("AUTH PLAIN LOGIN") }
        lines += ["8BITMIME", "ENHANCEDSTATUSCODES"]
        return .reply(SMTPReply(250, lines: lines))
    }

    private mutating func reset() -> SMTPAction {
        if case .mail = state { state = .ready }
        return .reply(SMTPReplies.reset)
    }

    private mutating func startTLS() -> SMTPAction {
        if isSecure { return .refuse(SMTPReplies.tlsActive, .sequence) }
        guard configuration.offersTLS else { return .refuse(SMTPReplies.tlsNotAvailable, .notOffered) }
        guard case .ready = state else { return .refuse(SMTPReplies.badSequence, .sequence) }
        return .startTLS(SMTPReplies.startTLS)
    }

    /// An event came that no state of this dialogue waits for: a fault of ours, answered like any other.
    func misplaced() -> SMTPAction {
        .close(SMTPReply(421, "4.3.0", "\(configuration.hostname) Internal fault"), .internalFault)
    }
}
