import MailCore
import SASL
import SMTPGrammar
import SMTPServer
import Storage

/// A conversation with the dialogue that answers its questions at once: a transcript without sockets.
struct Dialogue {
    var machine: SMTPDialogue
    var isPipelined = false
    private(set) var isClosed = false
    private(set) var reason: SMTPReason?
    var databaseIsDown = false

    init(_ role: SMTPRole, secure: Bool = false, change: (inout SMTPConfiguration) -> Void = { _ in }) {
        var configuration = SMTPConfiguration(hostname: "mx.local.test")
        configuration.offersTLS = true
        change(&configuration)
        machine = SMTPDialogue(configuration: configuration, role: role, isSecure: secure)
    }

    static let alice = AccountStore.LocalRecipient(account: AccountID(1), address: "alice@local.test")
    static let bob = AccountStore.LocalRecipient(account: AccountID(2), address: "bob@local.test")

    func resolve(_ address: String) -> AccountStore.Resolution? {
        if databaseIsDown { return nil }
        switch address {
        case "alice@local.test", "alice+tag@local.test", "al@local.test": return .local([Self.alice])
        case "bob@local.test", "postmaster@local.test": return .local([Self.bob])
        case "team@local.test": return .local([Self.alice, Self.bob])
        case "list@local.test": return .forwarded([Self.bob], targets: ["friend@remote.test", "u@REMOTE.test"])
        default: return address.hasSuffix("@local.test") ? .unknown : .foreign
        }
    }

    /// What the server says to the line.
    mutating func say(_ line: String) -> String {
        let bytes = Array(line.utf8)
        let action =
            machine.isAuthenticating
            ? machine.authenticationLine(bytes) : machine.command(bytes, isPipelined: isPipelined)
        return follow(action)
    }

    mutating func follow(_ action: SMTPAction) -> String {
        switch action {
        case .reply(let reply), .challenge(let reply):
            return text(reply)
        case .refuse(let reply, let why):
            reason = why
            return text(reply)
        case .close(let reply, let why):
            isClosed = true
            reason = why
            return reply.map(text) ?? ""
        case .startTLS(let reply):
            machine.tlsStarted()
            return text(reply)
        case .verify(let credentials):
            return follow(machine.authenticated(check(credentials)))
        case .checkSender(let address):
            let owned: Bool? = resolve(address).map { $0 == .local([Self.alice]) }
            return follow(machine.senderChecked(isOwned: owned))
        case .resolve(let candidates):
            let found = candidates.map(resolve)
            let local = found.first { if case .local? = $0 { true } else { false } }
            return follow(machine.recipientResolved(local ?? found.last ?? nil))
        case .receive(let reply, let transaction):
            received.append(transaction)
            return text(reply)
        }
    }

    private(set) var received: [SMTPTransaction] = []

    private func check(_ credentials: Credentials) -> Authenticator.Outcome {
        if databaseIsDown { return .unavailable }
        guard credentials.identity == "alice@local.test", credentials.password.reveal() == Array("secret".utf8) else {
            return .refused
        }
        return .accepted(.init(account: AccountID(1), address: "alice@local.test"))
    }

    private func text(_ reply: SMTPReply) -> String {
        String(decoding: reply.bytes.dropLast(2), as: UTF8.self)
    }

    /// As a client that may send mail right away.
    static func loggedIn() -> Dialogue {
        var dialogue = Dialogue(.submissions, secure: true)
        _ = dialogue.say("EHLO c.test")
        _ = dialogue.say("AUTH PLAIN AGFsaWNlQGxvY2FsLnRlc3QAc2VjcmV0")
        return dialogue
    }
}
