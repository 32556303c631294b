/// Reads the parts of one framed command from left to right. Every read is checked against the end; what it does not
/// expect is an `IMAPSyntaxError` whose text never repeats what was sent.
struct IMAPCursor {
    let bytes: [UInt8]
    var position = 0
    /// RFC 6855 was enabled.
    let utf8: Bool

    init(_ bytes: [UInt8], utf8: Bool) {
        self.bytes = bytes
        self.utf8 = utf8
    }

    var isAtEnd: Bool { position >= bytes.count }

    var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    func peeks(_ character: Unicode.Scalar) -> Bool { peek == UInt8(ascii: character) }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard peeks(character) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws(IMAPSyntaxError) {
        guard skip(character) else {
            throw IMAPSyntaxError(character == " " ? "Expected a space" : "Expected \(character)")
        }
    }

    mutating func space() throws(IMAPSyntaxError) { try expect(" ") }

    func end() throws(IMAPSyntaxError) {
        guard isAtEnd else { throw IMAPSyntaxError("Too many arguments") }
    }

    // MARK: - Words

    /// Bytes of a class, at least one.
    mutating func run(_ what: StaticString, _ belongs: (UInt8) -> Bool) throws(IMAPSyntaxError) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count, belongs(bytes[position]) { position += 1 }
        guard position > start else { throw IMAPSyntaxError("Expected \(what)") }
        return bytes[start..<position]
    }

    /// A protocol word in capitals: letters, digits, `-`, `.`, `=`, `+`; stops before `[`, `<` and the like.
    mutating func word(maximum: Int = 32) throws(IMAPSyntaxError) -> String {
        let word = try run("a word") { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "="),
                UInt8(ascii: "+"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard word.count <= maximum else { throw IMAPSyntaxError("Word too long") }
        return String(decoding: word.map(IMAPCharacter.upper), as: UTF8.self)
    }

    /// Takes `word` if it is the next one, whole.
    mutating func skip(word expected: StaticString) -> Bool {
        let start = position
        if let found = try? word(), found == expected.description { return true }  // no word there: not this one
        position = start
        return false
    }

    mutating func atom() throws(IMAPSyntaxError) -> ArraySlice<UInt8> { try run("an atom", IMAPCharacter.isAtom) }

    // MARK: - Numbers

    /// Digits as a number up to `maximum`. RFC 3501 9: `number` is 32 bits, unsigned; RFC 7162: mod-sequences 63 bits.
    private mutating func digits(maximum: UInt64) throws(IMAPSyntaxError) -> UInt64 {
        var value: UInt64 = 0
        for digit in try run("a number", IMAPCharacter.isDigit) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit & 0x0F))
            guard !overflow, !carry, sum <= maximum else { throw IMAPSyntaxError("Number too large") }
            value = sum
        }
        return value
    }

    mutating func number() throws(IMAPSyntaxError) -> UInt32 {
        UInt32(truncatingIfNeeded: try digits(maximum: UInt64(UInt32.max)))
    }

    mutating func nonZeroNumber() throws(IMAPSyntaxError) -> UInt32 {
        let value = try number()
        guard value > 0 else { throw IMAPSyntaxError("Number must not be 0") }
        return value
    }

    /// RFC 7162 7: `mod-sequence-valzer`.
    mutating func modSequence() throws(IMAPSyntaxError) -> UInt64 { try digits(maximum: UInt64(Int64.max)) }

    // MARK: - Strings

    /// `astring` = 1*ASTRING-CHAR / string
    mutating func astring() throws(IMAPSyntaxError) -> [UInt8] {
        if peeks("\"") || peeks("{") { return try string() }
        return Array(try run("a string", IMAPCharacter.isAString))
    }

    /// `nstring` = string / NIL
    mutating func nstring() throws(IMAPSyntaxError) -> [UInt8]? {
        if peeks("\"") || peeks("{") { return try string() }
        guard skip(word: "NIL") else { throw IMAPSyntaxError("Expected a string or NIL") }
        return nil
    }

    /// `string` = quoted / literal
    mutating func string() throws(IMAPSyntaxError) -> [UInt8] {
        if skip("\"") { return try quotedRest() }
        return try literal()
    }

    /// After the opening quote. 8-bit characters are taken (RFC 6855; clients send them in passwords and SEARCH without
    /// asking), what they mean is for the caller.
    private mutating func quotedRest() throws(IMAPSyntaxError) -> [UInt8] {
        var value: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return value
            case UInt8(ascii: "\\"):
                guard let escaped = peek, escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\") else {
                    throw IMAPSyntaxError("Invalid escape in quoted string")
                }
                position += 1
                value.append(escaped)
            case 0, 0x0A, 0x0D: throw IMAPSyntaxError("Invalid character in quoted string")
            default: value.append(byte)
            }
        }
        throw IMAPSyntaxError("Unterminated quoted string")
    }

    /// `{n}` or `{n+}`, CRLF, n bytes: the framer has put them there. RFC 3501 9: no NUL in a literal.
    private mutating func literal() throws(IMAPSyntaxError) -> [UInt8] {
        try expect("{")
        let size = Int(try number())
        _ = skip("+")
        try expect("}")
        guard skip("\r"), skip("\n"), bytes.count - position >= size else { throw IMAPSyntaxError("Invalid literal") }
        let value = bytes[position..<(position + size)]
        guard !value.contains(0) else { throw IMAPSyntaxError("NUL in a literal") }
        position += size
        return Array(value)
    }

    /// `( x x x )`, at least one element and at most `maximum`.
    mutating func list(
        maximum: Int, mayBeEmpty: Bool = false, _ element: (inout IMAPCursor) throws(IMAPSyntaxError) -> Void
    ) throws(IMAPSyntaxError) {
        try expect("(")
        if mayBeEmpty, skip(")") { return }
        var count = 0
        repeat {
            count += 1
            guard count <= maximum else { throw IMAPSyntaxError("List too long") }
            try element(&self)
        } while skip(" ")
        try expect(")")
    }
}
