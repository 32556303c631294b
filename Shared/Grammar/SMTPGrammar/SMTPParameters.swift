import MailWire

/// An `esmtp-param` of MAIL or RCPT (RFC 5321 4.1.2).
struct SMTPParameter {
    /// In upper case.
    let keyword: [UInt8]
    let value: ArraySlice<UInt8>?

    /// All parameters behind a path; `nil` when they are not well-formed or one comes twice.
    static func list(_ bytes: ArraySlice<UInt8>) -> [SMTPParameter]? {
        var found: [SMTPParameter] = []
        var rest = bytes
        while let first = rest.first {
            guard first == .space else { return nil }
            rest = rest.drop { $0 == .space }
            if rest.isEmpty { break }  // RFC 5321 4.1.1: trailing white space is tolerated
            let word = rest.prefix { $0 != .space }
            rest = rest[word.endIndex...]
            guard let parameter = SMTPParameter(word), found.count < SMTPLimits.parameters,
                !found.contains(where: { $0.keyword == parameter.keyword })
            else { return nil }
            found.append(parameter)
        }
        return found
    }

    private init?(_ word: ArraySlice<UInt8>) {
        let name = word.prefix { $0 != UInt8(ascii: "=") }
        guard let first = name.first, first.isASCIIAlphanumeric,
            name.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") })
        else { return nil }
        keyword = ASCII.uppercased(name)
        if name.endIndex < word.endIndex {
            let text = word[(name.endIndex + 1)...]
            guard !text.isEmpty, text.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "=") }) else {
                return nil
            }
            value = text
        } else {
            value = nil
        }
    }

    func isNamed(_ name: StaticString) -> Bool { ASCII.equalsIgnoringCase(keyword, name) }
}

/// What MAIL FROM says besides the path.
package struct MailParameters: Sendable, Hashable {
    /// RFC 1870: the size the client announces; a hint, never a reason to allocate.
    package var size: UInt64?
    /// RFC 6152: `BODY=8BITMIME`.
    package var is8Bit = false

    package init() {}

    init(_ list: [SMTPParameter]) throws(SMTPSyntaxError) {
        for parameter in list {
            if parameter.isNamed("SIZE") {
                guard let value = parameter.value, value.allSatisfy(\.isASCIIDigit), value.count <= 20 else {
                    throw .parameter
                }
                size = Decimal.parse(value) ?? .max
            } else if parameter.isNamed("BODY") {
                guard let value = parameter.value else { throw .parameter }
                if ASCII.equalsIgnoringCase(value, "8BITMIME") {
                    is8Bit = true
                } else if !ASCII.equalsIgnoringCase(value, "7BIT") {
                    throw .parameter
                }
            } else if !parameter.isNamed("AUTH") {
                // RFC 4954 5: AUTH= may be ignored, and is. RFC 5321 4.1.1.11: others are answered 555.
                throw .unknownParameter
            }
        }
    }
}
