import MailWire

/// What is wrong with a command, as a reply code can say it.
package enum SMTPSyntaxError: Error, Sendable, Hashable {
    /// 500
    case tooLong
    /// 500: no such verb
    case unknownVerb
    /// 501: arguments missing, too many or not as the RFC has them
    case arguments
    /// 501 5.1.7 or 5.1.3: not an address
    case address
    /// 553 5.6.7: an address beyond ASCII without SMTPUTF8
    case nonASCIIAddress
    /// 501 5.5.4
    case parameter
    /// 555 5.5.4 (RFC 5321 4.1.1.11)
    case unknownParameter
}

/// A command line of a client (RFC 5321 4.1), parsed.
package enum SMTPCommand: Sendable, Hashable {
    case ehlo(String)
    case helo(String)
    case mail(SMTPPath, MailParameters)
    case rcpt(SMTPPath)
    case data
    case rset
    case noop
    case vrfy
    case expn
    case help
    case quit
    case startTLS
    /// The mechanism's name and the initial response (RFC 4954 4), still in base64.
    case auth(mechanism: [UInt8], initial: [UInt8]?)
    /// CHUNKING is not offered, and the bytes of a chunk may follow: the connection must end (RFC 3030).
    case bdat
    /// An HTTP request: somebody's browser was sent here.
    case http

    /// Parses a line without its CRLF.
    package init(_ line: [UInt8]) throws(SMTPSyntaxError) {
        // Any control character, NUL, CR and LF included, makes the line no command.
        let isPlain = line.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        let verb = line.prefix { $0 != .space }
        var rest = line[verb.endIndex...]
        let limit = try Self.limit(verb)
        guard line.count + 2 <= limit else { throw .tooLong }
        guard isPlain, verb.allSatisfy({ $0 < 0x80 }) else { throw .arguments }
        if ASCII.equalsIgnoringCase(verb, "MAIL") {
            self = try Self.mail(rest)
        } else if ASCII.equalsIgnoringCase(verb, "RCPT") {
            self = try Self.rcpt(rest)
        } else {
            rest = ASCII.trimmed(rest)
            self = try Self.other(verb, rest)
        }
    }

    private static func limit(_ verb: ArraySlice<UInt8>) throws(SMTPSyntaxError) -> Int {
        if ASCII.equalsIgnoringCase(verb, "AUTH") { return SMTPLimits.authenticationLine }
        if ASCII.equalsIgnoringCase(verb, "MAIL") || ASCII.equalsIgnoringCase(verb, "RCPT") {
            return SMTPLimits.envelopeLine
        }
        return SMTPLimits.commandLine
    }

    private static func other(
        _ verb: ArraySlice<UInt8>, _ rest: ArraySlice<UInt8>
    ) throws(SMTPSyntaxError) -> SMTPCommand {
        if ASCII.equalsIgnoringCase(verb, "EHLO") || ASCII.equalsIgnoringCase(verb, "HELO") {
            guard let name = SMTPDomain.client(rest) else { throw .arguments }
            return verb.first.map(\.asciiUppercased) == UInt8(ascii: "E") ? .ehlo(name) : .helo(name)
        }
        if let plain = bare[ASCII.uppercased(verb)] {
            guard rest.isEmpty else { throw .arguments }
            return plain
        }
        if let free = withText[ASCII.uppercased(verb)] { return free }
        if ASCII.equalsIgnoringCase(verb, "AUTH") { return try auth(rest) }
        throw .unknownVerb
    }

    /// RFC 5321 4.1.1: no arguments allowed.
    private static let bare: [[UInt8]: SMTPCommand] = [
        Array("DATA".utf8): .data, Array("RSET".utf8): .rset, Array("QUIT".utf8): .quit,
        Array("STARTTLS".utf8): .startTLS,
    ]

    /// Arguments do not matter.
    private static let withText: [[UInt8]: SMTPCommand] = {
        var table: [[UInt8]: SMTPCommand] = [
            Array("NOOP".utf8): .noop, Array("VRFY".utf8): .vrfy, Array("EXPN".utf8): .expn,
            Array("HELP".utf8): .help, Array("BDAT".utf8): .bdat,
        ]
        for verb in ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE"] {
            table[Array(verb.utf8)] = .http
        }
        return table
    }()

    /// RFC 4954 4: `AUTH mechanism [initial-response]`.
    private static func auth(_ rest: ArraySlice<UInt8>) throws(SMTPSyntaxError) -> SMTPCommand {
        let words = rest.split(separator: .space, maxSplits: 2)
        guard let mechanism = words.first, words.count <= 2 else { throw .arguments }
        return .auth(mechanism: Array(mechanism), initial: words.count == 2 ? Array(words[1]) : nil)
    }

    private static func mail(_ rest: ArraySlice<UInt8>) throws(SMTPSyntaxError) -> SMTPCommand {
        let (path, parameters) = try path(after: "FROM:", rest)
        return .mail(path, try MailParameters(parameters))
    }

    private static func rcpt(_ rest: ArraySlice<UInt8>) throws(SMTPSyntaxError) -> SMTPCommand {
        let (path, parameters) = try path(after: "TO:", rest)
        guard path != .null else { throw .address }
        guard parameters.isEmpty else { throw .unknownParameter }
        return .rcpt(path)
    }

    /// RFC 5321 4.1.1.2 allows no space after the colon; so many clients send one that it passes.
    private static func path(
        after keyword: StaticString, _ rest: ArraySlice<UInt8>
    ) throws(SMTPSyntaxError) -> (SMTPPath, [SMTPParameter]) {
        let text = rest.drop { $0 == .space }
        guard !rest.isEmpty, ASCII.hasPrefixIgnoringCase(text, keyword) else { throw .arguments }
        let argument = text.dropFirst(keyword.utf8CodeUnitCount).drop { $0 == .space }
        guard argument.allSatisfy({ $0 < 0x80 }) else { throw .nonASCIIAddress }
        guard let (path, rest) = SMTPPathParser.parse(argument) else { throw .address }
        guard let parameters = SMTPParameter.list(rest) else { throw .parameter }
        return (path, parameters)
    }
}
