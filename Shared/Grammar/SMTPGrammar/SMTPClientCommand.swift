import MailWire

/// A command that we send as a client (RFC 5321 4.1). What is in it came from a database or from strangers: `bytes` is
/// `nil` when it would not be exactly this one command.
package enum SMTPClientCommand: Sendable, Hashable {
    case ehlo(String)
    case helo(String)
    case startTLS
    /// An empty sender is `<>`. `size` by RFC 1870, `eightBit` by RFC 6152: only for servers that offer them.
    case mail(from: String, size: Int?, eightBit: Bool)
    case recipient(String)
    case data
    case reset
    case quit

    package var bytes: [UInt8]? {
        switch self {
        case .ehlo(let name): Self.hello("EHLO ", name)
        case .helo(let name): Self.hello("HELO ", name)
        case .startTLS: Array("STARTTLS\r\n".utf8)
        case .mail(let from, let size, let eightBit): Self.mail(from, size, eightBit)
        case .recipient(let address): Self.path(address).map { Array("RCPT TO:".utf8) + $0 + Array("\r\n".utf8) }
        case .data: Array("DATA\r\n".utf8)
        case .reset: Array("RSET\r\n".utf8)
        case .quit: Array("QUIT\r\n".utf8)
        }
    }

    private static func hello(_ verb: String, _ name: String) -> [UInt8]? {
        let bytes = Array(name.utf8)
        guard SMTPDomain.client(bytes[...]) != nil else { return nil }
        return Array(verb.utf8) + bytes + Array("\r\n".utf8)
    }

    private static func mail(_ from: String, _ size: Int?, _ eightBit: Bool) -> [UInt8]? {
        guard let path = from.isEmpty ? Array("<>".utf8) : path(from) else { return nil }
        var line = Array("MAIL FROM:".utf8) + path
        if let size { line += Array(" SIZE=\(size)".utf8) }
        if eightBit { line += Array(" BODY=8BITMIME".utf8) }
        return line + Array("\r\n".utf8)
    }

    /// The address between angle brackets, if it is one and nothing else.
    private static func path(_ address: String) -> [UInt8]? {
        let bytes = Array("<\(address)>".utf8)
        guard bytes.count <= SMTPLimits.path + 2, bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }),
            let (path, rest) = SMTPPathParser.parse(bytes[...]), rest.isEmpty, case .mailbox = path,
            // A source route would send the mail another way than the one looked up.
            bytes[1] != UInt8(ascii: "@")
        else { return nil }
        return bytes
    }
}
