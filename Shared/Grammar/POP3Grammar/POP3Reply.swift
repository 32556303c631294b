/// An answer of the server, ready to send (RFC 1939 3).
package struct POP3Reply: Sendable, Hashable {
    /// What a program may read in a negative answer (RFC 2449 8, RFC 3206).
    package enum Code: String, Sendable, CaseIterable {
        /// Another session has the maildrop.
        case inUse = "IN-USE"
        /// The credentials are at fault: asking the user again makes sense.
        case authentication = "AUTH"
        /// Trying again later makes sense.
        case temporary = "SYS/TEMP"
        /// Only a person can help.
        case permanent = "SYS/PERM"
    }

    package let isPositive: Bool
    package let bytes: [UInt8]

    /// `+OK text`. The text comes from us and holds no line ends.
    package static func ok(_ text: String) -> POP3Reply {
        POP3Reply(isPositive: true, bytes: Array("+OK \(text)\r\n".utf8))
    }

    /// A positive answer of several lines, ended by a dot. No line of ours begins with one.
    package static func ok(_ text: String, lines: [String]) -> POP3Reply {
        var whole = "+OK \(text)\r\n"
        for line in lines { whole += "\(line)\r\n" }
        return POP3Reply(isPositive: true, bytes: Array("\(whole).\r\n".utf8))
    }

    /// `-ERR text`
    package static func error(_ text: String) -> POP3Reply {
        POP3Reply(isPositive: false, bytes: Array("-ERR \(text)\r\n".utf8))
    }

    /// `-ERR [CODE] text`
    package static func error(_ code: Code, _ text: String) -> POP3Reply { error("[\(code.rawValue)] \(text)") }

    /// A challenge of an AUTH exchange, already in base64 (RFC 5034 4).
    package static func challenge(_ base64: [UInt8]) -> POP3Reply {
        POP3Reply(isPositive: true, bytes: Array("+ ".utf8) + base64 + [0x0D, 0x0A])
    }
}
