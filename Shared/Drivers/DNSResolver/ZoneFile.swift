/// The part of a zone file (RFC 1035 5.1) that overriding needs: `$ORIGIN`, `$TTL`, relative names, `@`, comments,
/// quoted strings, one record a line.
package struct ZoneFile: Sendable, Equatable {
    package struct SyntaxError: Error, Equatable, Sendable {
        package let line: Int
        package let message: String
    }

    /// Complete records: `name. ttl IN type data`.
    package private(set) var records: [String] = []
    /// Names that have an SOA record.
    package private(set) var zones: [String] = []

    private static let types: Set<String> = [
        "A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "TXT", "SRV", "TLSA", "CAA",
    ]

    package init(_ text: String) throws(SyntaxError) {
        var origin = "."
        var owner = "."
        var timeToLive = "300"
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            let indented = raw.first.map { $0 == " " || $0 == "\t" } ?? false
            var words = try Self.words(raw, line: number)
            guard let first = words.first else { continue }
            if first == "$ORIGIN" || first == "$TTL" {
                guard words.count == 2 else { throw SyntaxError(line: number, message: "\(first) takes one value") }
                if first == "$ORIGIN" { origin = Self.absolute(words[1], origin) } else { timeToLive = words[1] }
                continue
            }
            guard !first.hasPrefix("$") else { throw SyntaxError(line: number, message: "\(first) is not supported") }
            if !indented { owner = Self.absolute(words.removeFirst(), origin) }
            var time = timeToLive
            while let word = words.first, !Self.types.contains(word.uppercased()) {
                if word.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
                    time = word
                } else if word.uppercased() != "IN" {
                    throw SyntaxError(line: number, message: "\(word) is not a type that is supported here")
                }
                words.removeFirst()
            }
            guard words.count >= 2 else { throw SyntaxError(line: number, message: "a record needs a type and data") }
            let type = words.removeFirst().uppercased()
            if type == "SOA" { zones.append(owner) }
            records.append("\(owner) \(time) IN \(type) \(Self.data(words, of: type, origin).joined(separator: " "))")
        }
    }

    /// Names inside the data are relative to the origin too.
    private static func data(_ words: [String], of type: String, _ origin: String) -> [String] {
        switch type {
        case "MX": words.enumerated().map { $0 == 1 ? absolute($1, origin) : $1 }
        case "CNAME", "NS", "PTR": words.map { absolute($0, origin) }
        case "SOA": words.enumerated().map { $0 < 2 ? absolute($1, origin) : $1 }
        default: words
        }
    }

    private static func absolute(_ name: String, _ origin: String) -> String {
        if name == "@" { return origin }
        if name.hasSuffix(".") { return name }
        return origin == "." ? "\(name)." : "\(name).\(origin)"
    }

    /// Words of a line up to a `;`; a quoted string stays one word with its quotes.
    private static func words(_ line: Substring, line number: Int) throws(SyntaxError) -> [String] {
        var words: [String] = []
        var word = ""
        var quoted = false
        for character in line {
            if quoted {
                word.append(character)
                if character == "\"" { quoted = false }
            } else if character == "\"" {
                word.append(character)
                quoted = true
            } else if character == ";" {
                break
            } else if character == " " || character == "\t" || character == "\r" {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        guard !quoted else { throw SyntaxError(line: number, message: "a quoted string does not end") }
        if !word.isEmpty { words.append(word) }
        return words
    }
}
