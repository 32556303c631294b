/// Turns one framed command into an `IMAPCommand`. The framer has collected it whole, so there are two outcomes here:
/// a value, or what is wrong with it.
package enum IMAPCommandParser {
    package struct Options: Sendable {
        /// RFC 6855: `ENABLE UTF8=ACCEPT` was given: mailbox names are UTF-8 instead of modified UTF-7.
        package var utf8: Bool

        package init(utf8: Bool = false) { self.utf8 = utf8 }
    }

    package static func parse(
        _ frame: IMAPFrame, options: Options = Options()
    ) throws(IMAPSyntaxError) -> IMAPTaggedCommand {
        var cursor = IMAPCursor(frame.bytes, utf8: options.utf8)
        let tag = try cursor.tag()
        do throws(IMAPSyntaxError) {
            try cursor.space()
            let command = try cursor.command()
            try cursor.end()
            let isAppend = if case .append = command { true } else { false }
            guard isAppend == frame.messageFollows else { throw IMAPSyntaxError("Expected a message literal") }
            return IMAPTaggedCommand(tag: tag, command: command)
        } catch {
            var error = error
            error.tag = tag
            if Self.isHTTP(frame) { error.close = true }
            throw error
        }
    }

    /// `POST / HTTP/1.1`: a browser was tricked into speaking to this port; what follows is not looked at.
    private static func isHTTP(_ frame: IMAPFrame) -> Bool {
        frame.bytes.suffix(9).starts(with: " HTTP/1.".utf8)
    }
}

extension IMAPCursor {
    mutating func tag() throws(IMAPSyntaxError) -> String {
        let tag = try run("a tag", IMAPCharacter.isTag)
        guard tag.count <= IMAPLimits.tag else { throw IMAPSyntaxError("Tag too long") }
        return String(decoding: tag, as: UTF8.self)
    }

    /// RFC 3501 9 `command-any`, `command-auth`, `command-nonauth`, `command-select`.
    mutating func command() throws(IMAPSyntaxError) -> IMAPCommand {
        let name = try word()
        if let plain = Self.plainCommands[name] { return plain }
        switch name {
        case "UID": return try uidCommand()
        case "ID", "AUTHENTICATE", "LOGIN", "ENABLE": return try sessionCommand(name)
        case "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB", "STATUS",
            "APPEND":
            return try mailboxCommand(name)
        case "SEARCH", "FETCH", "STORE", "COPY", "MOVE": return try messageCommand(name, uid: false)
        default: throw IMAPSyntaxError("Unknown command")
        }
    }

    /// Commands without arguments.
    private static let plainCommands: [String: IMAPCommand] = [
        "CAPABILITY": .capability, "NOOP": .noop, "LOGOUT": .logout, "STARTTLS": .startTLS, "NAMESPACE": .namespace,
        "IDLE": .idle, "CHECK": .check, "CLOSE": .close, "UNSELECT": .unselect, "EXPUNGE": .expunge,
    ]

    /// `UID name ...` (RFC 3501 6.4.8, RFC 4315, RFC 6851)
    private mutating func uidCommand() throws(IMAPSyntaxError) -> IMAPCommand {
        try space()
        let name = try word()
        if name == "EXPUNGE" {
            try space()
            return .uidExpunge(try sequenceSet())
        }
        return try messageCommand(name, uid: true)
    }

    private mutating func sessionCommand(_ name: String) throws(IMAPSyntaxError) -> IMAPCommand {
        try space()
        switch name {
        case "ID": return .id(try idPairs())
        case "AUTHENTICATE": return .authenticate(try authenticate())
        case "LOGIN":
            let user = try astring()
            try space()
            return .login(IMAPLogin(user: user, password: try astring()))
        case "ENABLE": return .enable(try capabilities())
        default: throw IMAPSyntaxError("Unknown command")
        }
    }

    private mutating func mailboxCommand(_ name: String) throws(IMAPSyntaxError) -> IMAPCommand {
        try space()
        switch name {
        case "SELECT": return .select(try select())
        case "EXAMINE": return .examine(try select())
        case "CREATE": return try create()
        case "DELETE": return .delete(try mailbox())
        case "RENAME":
            let old = try mailbox()
            try space()
            return .rename(from: old, to: try mailboxToCreate())
        case "SUBSCRIBE": return .subscribe(try mailbox())
        case "UNSUBSCRIBE": return .unsubscribe(try mailbox())
        case "LIST": return .list(try list())
        case "LSUB":
            let reference = try astring()
            try space()
            return .lsub(reference: reference, pattern: try listPattern())
        case "STATUS":
            let name = try mailbox()
            try space()
            return .status(name, try statusItems())
        case "APPEND": return .append(try append())
        default: throw IMAPSyntaxError("Unknown command")
        }
    }

    private mutating func messageCommand(_ name: String, uid: Bool) throws(IMAPSyntaxError) -> IMAPCommand {
        guard ["SEARCH", "FETCH", "STORE", "COPY", "MOVE"].contains(name) else {
            throw IMAPSyntaxError("Unknown command")
        }
        try space()
        if name == "SEARCH" { return .search(try search(), uid: uid) }
        let set = try sequenceSet()
        try space()
        switch name {
        case "FETCH": return .fetch(try fetch(set), uid: uid)
        case "STORE": return .store(try store(set), uid: uid)
        case "COPY": return .copy(set, try mailbox(), uid: uid)
        default: return .move(set, try mailbox(), uid: uid)
        }
    }

    // MARK: - Commands of the session

    /// `AUTHENTICATE mechanism [initial-response]`
    private mutating func authenticate() throws(IMAPSyntaxError) -> IMAPAuthenticate {
        let mechanism = try word()
        guard skip(" ") else { return IMAPAuthenticate(mechanism: mechanism, initialResponse: nil) }
        let response = try run("base64") { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): true
            default: false
            }
        }
        return IMAPAuthenticate(mechanism: mechanism, initialResponse: Array(response))
    }

    /// RFC 2971 3.1: NIL, or pairs of string and nstring.
    private mutating func idPairs() throws(IMAPSyntaxError) -> [IMAPIDPair] {
        if skip(word: "NIL") { return [] }
        var pairs: [IMAPIDPair] = []
        try list(maximum: IMAPLimits.idPairs, mayBeEmpty: true) { cursor throws(IMAPSyntaxError) in
            let field = try cursor.string()
            try cursor.space()
            let value = try cursor.nstring()
            guard field.count <= IMAPLimits.idField, (value?.count ?? 0) <= IMAPLimits.idValue else {
                throw IMAPSyntaxError("Field too long")
            }
            pairs.append(IMAPIDPair(field: field, value: value))
        }
        return pairs
    }

    private mutating func capabilities() throws(IMAPSyntaxError) -> [String] {
        var names: [String] = []
        repeat {
            guard names.count < IMAPLimits.enableNames else { throw IMAPSyntaxError("Too many names") }
            names.append(String(decoding: try atom().map(IMAPCharacter.upper), as: UTF8.self))
        } while skip(" ")
        return names
    }
}
