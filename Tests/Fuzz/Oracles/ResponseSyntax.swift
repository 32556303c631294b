/// Reads a response as an IMAP client does, as far as syntax goes (RFC 3501 4): atoms, strings, literals, parentheses.
enum ResponseSyntax {
    static func check(_ response: [UInt8]) throws(OracleFailure) {
        var depth = 0
        var index = 0
        while index < response.count {
            switch response[index] {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                try expect(depth >= 0, "a parenthesis too many")
            case UInt8(ascii: "\""): index = try quoted(response, from: index + 1)
            case UInt8(ascii: "{"): index = try literal(response, from: index + 1)
            case 13:
                try expect(index == response.count - 2 && response[index + 1] == 10, "a line end within a response")
                try expectEqual(depth, 0, "open parentheses")
                return
            default: try expect(response[index] >= 0x20 && response[index] < 0x7F, "an odd byte outside of strings")
            }
            index += 1
        }
        throw OracleFailure("a response without its end")
    }

    /// The index of the closing quote.
    private static func quoted(_ response: [UInt8], from start: Int) throws(OracleFailure) -> Int {
        var index = start
        while index < response.count {
            let byte = response[index]
            if byte == UInt8(ascii: "\"") { return index }
            try expect(byte >= 0x20 && byte < 0x7F, "an odd byte in a quoted string")
            index += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        throw OracleFailure("an open quoted string")
    }

    /// The index of the last byte.
    private static func literal(_ response: [UInt8], from start: Int) throws(OracleFailure) -> Int {
        let digits = response[start...].prefix { (48...57).contains($0) }
        guard let size = Int(String(decoding: digits, as: UTF8.self)),
            response[digits.endIndex...].starts(with: "}\r\n".utf8), digits.endIndex + 3 + size <= response.count
        else { throw OracleFailure("a broken literal") }
        let content = response[(digits.endIndex + 3)..<(digits.endIndex + 3 + size)]
        try expect(!content.contains(0), "NUL in a literal")
        return content.endIndex - 1
    }
}
