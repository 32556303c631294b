import MailWire

/// Address lists (RFC 5322 3.4 and its obsolete forms 4.4), as IMAP's ENVELOPE wants them. Never fails: what is no
/// address becomes one with an empty host, so that nothing a sender wrote is hidden from the reader.
package enum AddressList {
    package static func parse(_ bytes: [UInt8]) -> [MailAddress] {
        bytes.withUnsafeBytes { parse($0, 0..<$0.count) }
    }

    static func parse(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, maximum: Int = MessageLimits.addresses
    ) -> [MailAddress] {
        var parser = AddressParser(HeaderLexer(bytes, range), maximum: maximum)
        return parser.parse()
    }
}

private struct AddressParser {
    private var lexer: HeaderLexer
    private let maximum: Int
    private var addresses: [MailAddress] = []
    private var isInGroup = false
    /// Words read since the last separator, joined as written (one space for any gap).
    private var words: [UInt8] = []
    /// Where the last word that could be a local part begins in `words`.
    private var lastWord = 0
    /// Spaces of `words` that stand behind a dot: part of a name (`Joe Q. Public`), not of a local part (`joe . q`).
    private var dotGaps: [Int] = []
    private var hasWords = false

    init(_ lexer: HeaderLexer, maximum: Int) {
        self.lexer = lexer
        self.maximum = maximum
    }

    mutating func parse() -> [MailAddress] {
        while addresses.count < maximum {
            let gap = lexer.skipCFWS()
            guard let byte = lexer.peek else { break }
            switch byte {
            case UInt8(ascii: ","):
                lexer.advance()
                finishBareWords()
            case UInt8(ascii: ";"):
                lexer.advance()
                finishBareWords()
                endGroup()
            case UInt8(ascii: ":"):
                lexer.advance()
                startGroup()
            case UInt8(ascii: "<"): angleAddress()
            case UInt8(ascii: ">"): lexer.advance()
            case UInt8(ascii: "@"): plainAddress()
            default: word(byte, afterGap: gap)
            }
        }
        finishBareWords()
        endGroup()
        return addresses
    }

    // MARK: Words

    private mutating func word(_ byte: UInt8, afterGap gap: Bool) {
        let touchesDot = byte == UInt8(ascii: ".") || words.last == UInt8(ascii: ".")
        if gap, hasWords, byte != UInt8(ascii: ".") {
            if touchesDot { dotGaps.append(words.count) }
            words.append(.space)
        }
        if gap, !touchesDot { lastWord = words.count }
        hasWords = true
        if byte == UInt8(ascii: "\"") {
            lexer.quotedString(into: &words)
            return
        }
        let range = lexer.take { stop in
            switch stop {
            case 0x22, 0x28, 0x2C, 0x3A, 0x3B, 0x3C, 0x40: true
            default: stop.isFoldingWhiteSpace
            }
        }
        lexer.append(range, to: &words)
    }

    private mutating func takeWords() -> [UInt8] {
        let taken = words
        words.removeAll(keepingCapacity: true)
        lastWord = 0
        dotGaps.removeAll(keepingCapacity: true)
        hasWords = false
        return taken
    }

    /// Words without an address: a mailbox whose host is empty (a nil host would mean a group).
    private mutating func finishBareWords() {
        if hasWords { addresses.append(MailAddress(name: nil, mailbox: takeWords(), host: [])) }
        lexer.forgetComment()
    }

    // MARK: Groups (RFC 5322 3.4)

    private mutating func startGroup() {
        guard !isInGroup else { return }
        addresses.append(.groupStart(takeWords()))
        isInGroup = true
        lexer.forgetComment()
    }

    private mutating func endGroup() {
        guard isInGroup else { return }
        addresses.append(.groupEnd)
        isInGroup = false
    }

    // MARK: Addresses

    /// `local@domain` without brackets; a comment behind it is its name (an old habit, RFC 5322 A.6.1).
    private mutating func plainAddress() {
        lexer.advance()
        let start = lastWord
        lexer.forgetComment()
        let host = domain()
        lexer.skipCFWS()
        guard lexer.peek != UInt8(ascii: "<") else {
            // `a@b <c@d>`: an address written where the name belongs.
            words.append(UInt8(ascii: "@"))
            words.append(contentsOf: host)
            hasWords = true
            return
        }
        let comment = lexer.lastComment
        for gap in dotGaps.reversed() where gap >= start && gap < words.count { words.remove(at: gap) }
        let all = takeWords()
        let split = min(start, all.count)
        var name = trimmedName(all[..<split])
        if name == nil, let comment { name = commentText(comment) }
        addresses.append(MailAddress(name: name, mailbox: Array(all[split...]), host: host))
        skipToSeparator()
    }

    private mutating func angleAddress() {
        lexer.advance()
        let name = trimmedName(takeWords()[...])
        var address = MailAddress(name: name, mailbox: [], host: [])
        lexer.skipCFWS()
        if lexer.peek == UInt8(ascii: "@") { address.route = route() }
        var local: [UInt8] = []
        readLocalPart(into: &local)
        address.mailbox = local
        if lexer.skip(UInt8(ascii: "@")) { address.host = domain() }
        while lexer.skip(UInt8(ascii: "@")) {
            // More than one: mail programs and servers take the last one for the separator.
            address.mailbox = (address.mailbox ?? []) + [UInt8(ascii: "@")] + (address.host ?? [])
            address.host = domain()
        }
        lexer.forgetComment()
        _ = lexer.take { $0 == UInt8(ascii: ">") || $0 == UInt8(ascii: ",") }
        _ = lexer.skip(UInt8(ascii: ">"))
        lexer.skipCFWS()
        if address.name == nil, let comment = lexer.lastComment { address.name = commentText(comment) }
        addresses.append(address)
        skipToSeparator()
    }

    private mutating func readLocalPart(into local: inout [UInt8]) {
        while true {
            lexer.skipCFWS()
            guard let byte = lexer.peek else { return }
            switch byte {
            case UInt8(ascii: "@"), UInt8(ascii: ">"), UInt8(ascii: ","), UInt8(ascii: ";"): return
            case UInt8(ascii: "\""): lexer.quotedString(into: &local)
            default:
                let range = lexer.take { stop in
                    switch stop {
                    case 0x22, 0x28, 0x2C, 0x3B, 0x3E, 0x40: true
                    default: stop.isFoldingWhiteSpace
                    }
                }
                lexer.append(range, to: &local)
            }
        }
    }

    /// RFC 5322 4.4: `obs-route`, from its first `@` up to the colon, which is dropped.
    private mutating func route() -> [UInt8] {
        var route: [UInt8] = []
        while let byte = lexer.peek, byte != UInt8(ascii: ">") {
            if lexer.skip(UInt8(ascii: ":")) { break }
            if lexer.skipCFWS() { continue }
            route.append(byte == 0 ? 0x80 : byte)
            lexer.advance()
        }
        return route
    }

    /// RFC 5322 3.4.1: dot-atom or literal, comments and white space around dots left out.
    private mutating func domain() -> [UInt8] {
        var host: [UInt8] = []
        while true {
            let gap = lexer.skipCFWS()
            guard let byte = lexer.peek else { return host }
            if byte == UInt8(ascii: "["), host.isEmpty {
                lexer.append(lexer.take { $0 == UInt8(ascii: "]") }, to: &host)
                if lexer.skip(UInt8(ascii: "]")) { host.append(UInt8(ascii: "]")) }
                return host
            }
            guard byte.isAtomText || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "]") else { return host }
            if gap, let last = host.last, last != UInt8(ascii: "."), byte != UInt8(ascii: ".") { return host }
            lexer.append(
                lexer.take { !($0.isAtomText || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "]")) }, to: &host)
        }
    }

    private func trimmedName(_ words: ArraySlice<UInt8>) -> [UInt8]? {
        let trimmed = ASCII.trimmed(words)
        return trimmed.isEmpty ? nil : Array(trimmed)
    }

    private func commentText(_ range: Range<Int>) -> [UInt8]? {
        var text: [UInt8] = []
        lexer.append(ASCII.trimmedRange(lexer.bytes, range), to: &text)
        return text.isEmpty ? nil : text
    }

    /// Drops what stands behind a complete address.
    private mutating func skipToSeparator() {
        while true {
            lexer.skipCFWS()
            guard let byte = lexer.peek else { return }
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "<") { return }
            if byte == UInt8(ascii: "\"") {
                var dropped: [UInt8] = []
                lexer.quotedString(into: &dropped)
            } else {
                lexer.advance()
            }
        }
    }
}
