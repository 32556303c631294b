import LineServer
import MailCore
import POP3Grammar
import POP3Server
import SASL
import Storage

/// A conversation with the dialogue that answers its questions at once: a transcript without sockets or storage.
struct Conversation {
    private var dialogue: POP3Dialogue
    private(set) var isClosed = false
    private(set) var reason: POP3Reason?
    /// What QUIT asked to be removed.
    private(set) var removed: [ClosedRange<UInt32>]?

    var isPipelined = false
    var databaseIsDown = false
    var maildropIsTaken = false
    var leaseIsLost = false
    /// Messages that were expunged over IMAP.
    var gone: Set<Int> = []
    var sizes = [120, 200]

    init(secure: Bool = true, offersTLS: Bool = true, change: (inout POP3Configuration) -> Void = { _ in }) {
        var configuration = POP3Configuration()
        change(&configuration)
        dialogue = POP3Dialogue(configuration: configuration, offersTLS: offersTLS, isSecure: secure)
    }

    static func loggedIn(sizes: [Int] = [120, 200]) -> Conversation {
        var server = Conversation()
        server.sizes = sizes
        _ = server.say("USER alice")
        _ = server.say("PASS secret")
        return server
    }

    var state: String { dialogue.stateName }
    func patience(after elapsed: Duration) -> Duration { dialogue.patience(after: elapsed) }
    func shown(_ line: String) -> String { dialogue.shown(Array(line.utf8)).description }

    /// What the server says to the line, without the last CRLF.
    mutating func say(_ line: String) -> String {
        let bytes = Array(line.utf8)
        let action =
            dialogue.isAuthenticating
            ? dialogue.authenticationLine(bytes) : dialogue.command(bytes, isPipelined: isPipelined)
        return follow(action)
    }

    mutating func sayTooMuch() -> String { follow(dialogue.lineTooLong()) }

    private mutating func follow(_ action: POP3Action) -> String {
        switch action {
        case .reply(let reply): return text(reply)
        case .refuse(let reply, let why):
            reason = why
            return text(reply)
        case .close(let reply, let why):
            isClosed = true
            reason = why
            return reply.map(text) ?? ""
        case .startTLS(let reply):
            dialogue.tlsStarted()
            return text(reply)
        case .verify(let credentials): return follow(dialogue.authenticated(check(credentials)))
        case .open(let account): return follow(dialogue.maildropOpened(open(account)))
        case .list(var listing):
            var whole: [UInt8] = []
            while let piece = listing.nextPiece() { whole += piece }
            return String(decoding: whole.dropLast(2), as: UTF8.self)
        case .find(let index):
            let outcome: MessageOutcome = databaseIsDown ? .unavailable : gone.contains(index) ? .gone : .found
            return follow(dialogue.messageFound(outcome))
        case .transmit(let reply, let lines):
            return text(reply) + (lines.map { " <header and \($0) lines>" } ?? " <message>")
        case .update(let marked):
            removed = marked.ranges
            return follow(dialogue.updated(databaseIsDown ? .unavailable : leaseIsLost ? .leaseLost : .removed))
        }
    }

    private func check(_ credentials: Credentials) -> Authenticator.Outcome {
        if databaseIsDown { return .unavailable }
        guard credentials.identity == "alice", credentials.password.reveal() == Array("secret".utf8) else {
            return .refused
        }
        return .accepted(.init(account: AccountID(1), address: "alice@local.test"))
    }

    /// Messages with the UIDs 10, 20, 30, ...
    private func open(_ account: AccountID) -> MaildropOutcome {
        if maildropIsTaken { return .inUse }
        let messages = sizes.enumerated().map {
            MaildropSnapshot.Message(uid: UInt32(10 * ($0.offset + 1)), size: $0.element)
        }
        let key = MailboxKey(account: account, mailbox: MailboxID(1))
        return .opened(MaildropSnapshot(key: key, uidValidity: 7, messages: messages))
    }

    private func text(_ reply: POP3Reply) -> String { String(decoding: reply.bytes.dropLast(2), as: UTF8.self) }
}
