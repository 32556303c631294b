import MailWire

/// Domain names and address literals (RFC 5321 4.1.2, 4.1.3), as far as SMTP needs them.
package enum SMTPDomain {
    /// What a client calls itself in EHLO or HELO; `nil` when it is neither a name nor a literal.
    ///
    /// Underscores pass: many a Windows machine has one, and nothing is decided by this name.
    package static func client(_ bytes: ArraySlice<UInt8>) -> String? {
        let found = bytes.first == UInt8(ascii: "[") ? literalPrefix(bytes) : namePrefix(bytes, underscores: true)
        guard let found, found.endIndex == bytes.endIndex else { return nil }
        return String(decoding: found, as: UTF8.self)
    }

    /// The longest domain name at the start: letters, digits and hyphens between dots, no empty label.
    static func namePrefix(_ bytes: ArraySlice<UInt8>, underscores: Bool = false) -> ArraySlice<UInt8>? {
        var end = bytes.startIndex
        var label = 0
        while end < bytes.endIndex {
            let byte = bytes[end]
            if byte == UInt8(ascii: ".") {
                guard label > 0, bytes[end - 1] != UInt8(ascii: "-") else { return nil }
                label = 0
            } else if byte.isASCIIAlphanumeric || byte == UInt8(ascii: "-") && label > 0
                || underscores && byte == UInt8(ascii: "_")
            {
                label += 1
                guard label <= 63 else { return nil }
            } else {
                break
            }
            end += 1
        }
        guard label > 0, bytes[end - 1] != UInt8(ascii: "-"), end - bytes.startIndex <= SMTPLimits.domain else {
            return nil
        }
        return bytes[bytes.startIndex..<end]
    }

    /// `[192.0.2.1]`, `[IPv6:2001:db8::1]`. Only its characters are checked: nothing is delivered to a literal.
    static func literalPrefix(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard bytes.first == UInt8(ascii: "["), let close = bytes.prefix(64).firstIndex(of: UInt8(ascii: "]")) else {
            return nil
        }
        let inner = bytes[(bytes.startIndex + 1)..<close]
        guard !inner.isEmpty,
            inner.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") })
        else { return nil }
        return bytes[bytes.startIndex...close]
    }
}
