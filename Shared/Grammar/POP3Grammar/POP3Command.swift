package import MailCore
import MailWire

/// A command line of a client, parsed (RFC 1939 5-7, RFC 2449 5, RFC 2595 4, RFC 5034 4).
///
/// Message numbers are as the client counts, from 1; whether there is such a message, the maildrop knows.
package enum POP3Command: Sendable {
    case capa
    case stls
    case user([UInt8])
    case pass(Secret<[UInt8]>)
    /// The mechanism's name and the initial response, still in base64.
    case auth(mechanism: [UInt8], initial: Secret<[UInt8]>?)
    case stat
    /// All messages, or one.
    case list(Int?)
    case uidl(Int?)
    case retr(Int)
    case top(Int, lines: Int)
    case dele(Int)
    case noop
    case rset
    case quit
    /// An HTTP request: somebody's browser was sent here.
    case http

    /// Parses a line without its CRLF.
    package init(_ line: [UInt8]) throws(POP3SyntaxError) {
        let name = line.prefix { $0 != .space }
        let keyword = Keyword(name)
        guard line.count + 2 <= keyword?.longestLine ?? POP3Limits.command else { throw .tooLong }
        guard let keyword else { throw .unknownCommand }
        let rest = line[name.endIndex...]
        if case .pass = keyword {
            self = .pass(Secret(try Self.text(rest)))
            return
        }
        // Any control character, NUL, CR and LF included, makes the line no command.
        guard !line.contains(where: \.isASCIIControl) else { throw .arguments }
        self = try Self.command(keyword, rest)
    }

    private static func command(
        _ keyword: Keyword, _ rest: ArraySlice<UInt8>
    ) throws(POP3SyntaxError) -> POP3Command {
        switch keyword {
        case .user: return .user(try text(rest))
        case .auth: return try auth(rest)
        case .get, .head, .post, .put, .delete, .options, .connect: return .http
        default: break
        }
        let arguments = rest.split(separator: .space)
        switch (keyword, arguments.count) {
        case (.capa, 0): return .capa
        case (.stls, 0): return .stls
        case (.stat, 0): return .stat
        case (.noop, 0): return .noop
        case (.rset, 0): return .rset
        case (.quit, 0): return .quit
        case (.list, 0): return .list(nil)
        case (.list, 1): return .list(try messageNumber(arguments[0]))
        case (.uidl, 0): return .uidl(nil)
        case (.uidl, 1): return .uidl(try messageNumber(arguments[0]))
        case (.retr, 1): return .retr(try messageNumber(arguments[0]))
        case (.dele, 1): return .dele(try messageNumber(arguments[0]))
        case (.top, 2): return .top(try messageNumber(arguments[0]), lines: try number(arguments[1]))
        default: throw .arguments
        }
    }

    /// RFC 1939 7: everything behind the first space belongs to the name or password, more spaces too.
    private static func text(_ rest: ArraySlice<UInt8>) throws(POP3SyntaxError) -> [UInt8] {
        let text = rest.dropFirst()
        guard !text.isEmpty else { throw .arguments }
        return Array(text)
    }

    /// RFC 5034 4: `AUTH mechanism [initial-response]`.
    private static func auth(_ rest: ArraySlice<UInt8>) throws(POP3SyntaxError) -> POP3Command {
        let words = rest.split(separator: .space, maxSplits: 2)
        guard let mechanism = words.first, words.count <= 2 else { throw .arguments }
        return .auth(mechanism: Array(mechanism), initial: words.count == 2 ? Secret(Array(words[1])) : nil)
    }

    private static func messageNumber(_ digits: ArraySlice<UInt8>) throws(POP3SyntaxError) -> Int {
        let value = try number(digits)
        guard value > 0 else { throw .arguments }
        return value
    }

    private static func number(_ digits: ArraySlice<UInt8>) throws(POP3SyntaxError) -> Int {
        guard let value = Decimal.parseInt(digits, maximum: POP3Limits.number) else { throw .arguments }
        return value
    }
}

/// The words that a line may begin with, in any letter case (RFC 1939 3).
private enum Keyword: String, CaseIterable {
    case capa, stls, user, pass, auth, stat, list, uidl, retr, top, dele, noop, rset, quit
    case get, head, post, put, delete, options, connect

    private static let longest = 7
    private static let byName: [[UInt8]: Keyword] = Dictionary(
        uniqueKeysWithValues: allCases.map { (Array($0.rawValue.utf8), $0) })

    init?(_ name: ArraySlice<UInt8>) {
        guard name.count <= Self.longest, let found = Self.byName[ASCII.lowercased(name)] else { return nil }
        self = found
    }

    var longestLine: Int {
        switch self {
        case .pass: POP3Limits.passCommand
        case .auth: POP3Limits.authenticationLine
        default: POP3Limits.command
        }
    }
}
