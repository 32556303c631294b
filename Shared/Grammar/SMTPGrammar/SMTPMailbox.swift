import MailWire

/// An address of the envelope (RFC 5321 4.1.2 `Mailbox`), in ASCII.
package struct SMTPMailbox: Sendable, Hashable {
    /// Without the quotes it may have been sent in, unless it needs them.
    package let localPart: String
    /// As sent: a domain name, or an address literal in brackets.
    package let domain: String

    package init(localPart: String, domain: String) {
        self.localPart = localPart
        self.domain = domain
    }

    /// `local@domain`.
    package var address: String { "\(localPart)@\(domain)" }
}

/// What stands between the angle brackets of MAIL FROM and RCPT TO.
package enum SMTPPath: Sendable, Hashable {
    /// `<>`: notifications come from nobody (RFC 5321 4.5.5).
    case null
    /// `<Postmaster>` without a domain (RFC 5321 4.5.1).
    case postmaster
    case mailbox(SMTPMailbox)
}

/// Reads a path byte by byte, without recursion; whatever is not exactly a path is refused.
struct SMTPPathParser {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        self.position = bytes.startIndex
    }

    /// The path and where the rest of the command begins; `nil` when it is none.
    static func parse(_ bytes: ArraySlice<UInt8>) -> (path: SMTPPath, rest: ArraySlice<UInt8>)? {
        var parser = SMTPPathParser(bytes)
        guard let path = parser.path() else { return nil }
        return (path, bytes[parser.position...])
    }

    private var next: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func path() -> SMTPPath? {
        guard take(UInt8(ascii: "<")) else { return nil }
        if take(UInt8(ascii: ">")) { return .null }
        let start = position
        guard skipSourceRoute(), let local = localPart() else { return nil }
        if take(UInt8(ascii: ">")) {
            return ASCII.equalsIgnoringCase(Array(local.utf8), "postmaster") ? .postmaster : nil
        }
        guard take(UInt8(ascii: "@")), let domain = domain(), position - start <= SMTPLimits.path,
            take(UInt8(ascii: ">"))
        else { return nil }
        return .mailbox(SMTPMailbox(localPart: local, domain: domain))
    }

    /// RFC 5321 4.1.2, C: `@one,@two:` is accepted, and ignored.
    private mutating func skipSourceRoute() -> Bool {
        guard next == UInt8(ascii: "@") else { return true }
        while take(UInt8(ascii: "@")) {
            guard domain() != nil else { return false }
            if take(UInt8(ascii: ":")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
        return false
    }

    private mutating func localPart() -> String? {
        next == UInt8(ascii: "\"") ? quotedString() : dotString()
    }

    private mutating func dotString() -> String? {
        let start = position
        var afterDot = true
        while let byte = next {
            if byte == UInt8(ascii: ".") {
                guard !afterDot else { return nil }
                afterDot = true
            } else if byte.isAtomText {
                afterDot = false
            } else {
                break
            }
            position += 1
        }
        guard !afterDot, position - start <= SMTPLimits.localPart else { return nil }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// RFC 5321 4.1.2: `"alice"` is `alice`; quotes stay where the local part needs them.
    private mutating func quotedString() -> String? {
        let start = position
        position += 1
        var plain: [UInt8] = []
        while let byte = next, position - start < SMTPLimits.localPart + 2 {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard !plain.isEmpty else { return nil }
                return Self.unquoted(plain) ?? String(decoding: bytes[start..<position], as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = next, escaped >= 0x20, escaped < 0x7F else { return nil }
                plain.append(escaped)
                position += 1
            case 0x20..<0x7F:
                plain.append(byte)
            default:
                return nil
            }
        }
        return nil
    }

    private static func unquoted(_ plain: [UInt8]) -> String? {
        var inner = SMTPPathParser(plain[...])
        guard let text = inner.dotString(), inner.position == plain.endIndex else { return nil }
        return text
    }

    private mutating func domain() -> String? {
        let rest = bytes[position...]
        let name = next == UInt8(ascii: "[") ? SMTPDomain.literalPrefix(rest) : SMTPDomain.namePrefix(rest)
        guard let name else { return nil }
        position = name.endIndex
        return String(decoding: name, as: UTF8.self)
    }
}
