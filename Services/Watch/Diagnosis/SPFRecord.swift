/// An SPF record as far as the owner of a domain needs it read (RFC 7208 4.6, 5): its mechanisms in order.
struct SPFRecord: Sendable, Equatable {
    enum Qualifier: Character, Sendable {
        case pass = "+"
        case fail = "-"
        case softFail = "~"
        case neutral = "?"
    }

    struct Term: Sendable, Equatable {
        let qualifier: Qualifier
        /// Lower case: `all`, `include`, `a`, `mx`, `ptr`, `ip4`, `ip6`, `exists`.
        let name: String
        /// What stands behind the colon, without prefix lengths; empty for the domain itself.
        let value: String
        /// `/24` of an IPv4 and `//64` of an IPv6 address.
        let prefix4: Int?
        let prefix6: Int?
    }

    struct SyntaxError: Error, Equatable {
        let term: String
    }

    private(set) var terms: [Term] = []
    private(set) var redirect: String?

    /// RFC 7208 4.5: whether a TXT record is one at all.
    static func isRecord(_ text: String) -> Bool {
        let lower = text.lowercased()
        return lower == "v=spf1" || lower.hasPrefix("v=spf1 ")
    }

    init(_ text: String) throws(SyntaxError) {
        for word in text.split(separator: " ").dropFirst() {
            if let equals = word.firstIndex(of: "="), word[..<equals].allSatisfy({ $0.isLetter || $0.isNumber }) {
                // Other modifiers (exp=, unknown ones) do not decide.
                if word[..<equals].lowercased() == "redirect" { redirect = String(word[word.index(after: equals)...]) }
                continue
            }
            terms.append(try Self.term(word))
        }
    }

    private static let names: Set<String> = ["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"]

    private static func term(_ word: Substring) throws(SyntaxError) -> Term {
        var rest = word
        var qualifier = Qualifier.pass
        if let first = rest.first, let written = Qualifier(rawValue: first) {
            qualifier = written
            rest = rest.dropFirst()
        }
        let name = rest.prefix { $0 != ":" && $0 != "/" }.lowercased()
        guard names.contains(name) else { throw SyntaxError(term: String(word)) }
        rest = rest.dropFirst(name.count)
        if name == "ip4" || name == "ip6" {
            // The address keeps its prefix length.
            guard rest.first == ":", rest.count > 1 else { throw SyntaxError(term: String(word)) }
            return Term(qualifier: qualifier, name: name, value: String(rest.dropFirst()), prefix4: nil, prefix6: nil)
        }
        var value = ""
        if rest.first == ":" {
            value = String(rest.dropFirst().prefix { $0 != "/" })
            rest = rest.dropFirst(value.count + 1)
            guard !value.isEmpty else { throw SyntaxError(term: String(word)) }
        }
        if value.isEmpty, name == "include" || name == "exists" { throw SyntaxError(term: String(word)) }
        let prefixes = try prefixes(rest, of: word)
        return Term(qualifier: qualifier, name: name, value: value, prefix4: prefixes.four, prefix6: prefixes.six)
    }

    /// RFC 7208 5.6: `/24`, `//64` or `/24//64`.
    private static func prefixes(
        _ text: Substring, of word: Substring
    ) throws(SyntaxError) -> (four: Int?, six: Int?) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        func number(_ part: Substring, _ maximum: Int) throws(SyntaxError) -> Int {
            guard let number = Int(part), (0...maximum).contains(number) else { throw SyntaxError(term: String(word)) }
            return number
        }
        switch parts.count {
        case 0,
            1 where text.isEmpty:
            return (nil, nil)
        case 2: return (try number(parts[1], 32), nil)
        case 3 where parts[1].isEmpty: return (nil, try number(parts[2], 128))
        case 4 where parts[2].isEmpty: return (try number(parts[1], 32), try number(parts[3], 128))
        default: throw SyntaxError(term: String(word))
        }
    }
}
