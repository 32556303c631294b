/// An address in the form in which this server looks it up: lower case, `local@domain`, the tag apart.
///
/// RFC 5321 2.4 lets the final host decide what local parts mean; here case does not matter and `user+tag` is `user`.
package struct LocalAddress: Sendable, Hashable {
    /// RFC 5321 4.5.3.1.1: a local part has at most 64 octets; 4.5.3.1.2: a domain 255.
    package static let maximumLocalPart = 64
    package static let maximumDomain = 255

    package let local: String
    package let domain: String

    /// `nil` unless it has a local part, a domain and no blanks or control characters.
    package init?(_ text: String) {
        let lower = text.lowercased()
        guard let at = lower.lastIndex(of: "@") else { return nil }
        let local = String(lower[..<at])
        let domain = String(lower[lower.index(after: at)...])
        guard (1...Self.maximumLocalPart).contains(local.utf8.count), LocalAddress.isDomain(domain),
            local.utf8.allSatisfy({ $0 > 32 && $0 != 127 })
        else { return nil }
        self.local = local
        self.domain = domain
    }

    /// The whole address, its tag included.
    package var full: String { "\(local)@\(domain)" }

    /// Without the tag; the same as `full` if there is none.
    package var base: String {
        guard let plus = local.firstIndex(of: "+"), plus != local.startIndex else { return full }
        return "\(local[..<plus])@\(domain)"
    }

    /// RFC 5321 4.1.2 and 6531: the local part is a Dot-string, which needs no quotes. Only such accounts and aliases
    /// are made, though a peer may write any address.
    package var isPlain: Bool {
        local.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty
                && atom.utf8.allSatisfy { byte in
                    byte > 127 || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                        || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
                }
        }
    }

    /// Letters, digits, hyphens and dots, or UTF-8 beyond ASCII (RFC 6531); no empty label.
    package static func isDomain(_ text: String) -> Bool {
        guard (1...maximumDomain).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.first != UInt8(ascii: "-")
                && label.utf8.last != UInt8(ascii: "-")
                && label.unicodeScalars.allSatisfy { scalar in
                    scalar.value > 127 || scalar == "-" || ("0"..."9").contains(scalar) || ("a"..."z").contains(scalar)
                        || ("A"..."Z").contains(scalar)
                }
        }
    }
}
