/// Character classes of RFC 3501 9.
enum IMAPCharacter {
    /// ATOM-CHAR: any CHAR except `( ) {` SP CTL `% *` `" \` and `]`.
    @inline(__always)
    static func isAtom(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "%"), UInt8(ascii: "*"),
            UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "]"):
            false
        default: byte > 0x20 && byte < 0x7F
        }
    }

    /// ASTRING-CHAR: ATOM-CHAR or `]`.
    @inline(__always)
    static func isAString(_ byte: UInt8) -> Bool { isAtom(byte) || byte == UInt8(ascii: "]") }

    /// `tag`: ASTRING-CHAR except `+`.
    @inline(__always)
    static func isTag(_ byte: UInt8) -> Bool { isAString(byte) && byte != UInt8(ascii: "+") }

    /// `list-char`: ATOM-CHAR, wildcards, `]`.
    @inline(__always)
    static func isList(_ byte: UInt8) -> Bool {
        isAString(byte) || byte == UInt8(ascii: "%") || byte == UInt8(ascii: "*")
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    @inline(__always)
    static func upper(_ byte: UInt8) -> UInt8 { byte >= 0x61 && byte <= 0x7A ? byte & 0xDF : byte }
}
