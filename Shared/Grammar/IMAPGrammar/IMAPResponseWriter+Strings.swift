/// Strings (RFC 3501 4.3): what is quoted may hold only 7-bit text without CR, LF and NUL; everything else is a literal.
extension IMAPResponseWriter {
    /// `nstring`: NIL or a string.
    package mutating func nstring(_ value: [UInt8]?) {
        if let value { string(value) } else { nilValue() }
    }

    package mutating func nstring(_ value: String?) {
        if let value { string(Array(value.utf8)) } else { nilValue() }
    }

    package mutating func nilValue() { word("NIL") }

    package mutating func string(_ value: [UInt8]) {
        if Self.fitsQuoted(value) { quoted(value) } else { literal(value) }
    }

    package mutating func string(_ value: String) { string(Array(value.utf8)) }

    package mutating func literal(_ value: [UInt8]) {
        content(value.count) {
            $0.literalHeader(value.count)
            $0.raw(value)
        }
    }

    /// `{n}` CRLF; exactly `size` bytes must follow, which the caller may stream.
    package mutating func literalHeader(_ size: Int) {
        byte(UInt8(ascii: "{"))
        number(size)
        word("}\r\n")
    }

    /// `astring`: an atom where possible, so that the answer looks like what the client sent.
    package mutating func astring(_ value: [UInt8]) {
        if !value.isEmpty, value.count <= IMAPLimits.quotedString, value.allSatisfy(IMAPCharacter.isAString),
            !value.elementsEqual("NIL".utf8, by: { $0 & 0xDF == $1 })
        {
            raw(value)
        } else {
            string(value)
        }
    }

    /// A mailbox name, always quoted (or a literal), in modified UTF-7 or, once enabled, UTF-8 (RFC 6855 3).
    package mutating func mailbox(_ name: MailboxName, utf8: Bool = false) {
        let bytes = utf8 ? Array(name.value.utf8) : name.modifiedUTF7
        if utf8, !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) { quoted(bytes) } else { string(bytes) }
    }

    static func fitsQuoted(_ value: [UInt8]) -> Bool {
        value.count <= IMAPLimits.quotedString && value.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }

    /// The caller knows that the bytes may be quoted.
    mutating func quoted(_ value: [UInt8]) {
        byte(UInt8(ascii: "\""))
        for character in value {
            if character == UInt8(ascii: "\"") || character == UInt8(ascii: "\\") { byte(UInt8(ascii: "\\")) }
            byte(character)
        }
        byte(UInt8(ascii: "\""))
    }
}
