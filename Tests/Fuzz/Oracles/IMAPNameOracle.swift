import IMAPGrammar

/// Mailbox names and LIST patterns. The input is a pattern, a line feed, and a name.
enum IMAPNameOracle {
    static func check(_ input: [UInt8]) throws(OracleFailure) {
        let pattern = Array(input.prefix { $0 != 10 })
        let name = Array(input.dropFirst(pattern.count + 1))
        for bytes in [pattern, name, input] {
            try modifiedUTF7(bytes)
            try mailbox(bytes)
        }
        try matching(Array(pattern.prefix(80)), Array(name.prefix(80)))
    }

    /// RFC 3501 5.1.3: no two names on the wire mean one mailbox.
    private static func modifiedUTF7(_ bytes: [UInt8]) throws(OracleFailure) {
        if let name = ModifiedUTF7.decode(bytes) {
            try expectEqual(ModifiedUTF7.encode(name), bytes, "two encodings of one name")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let encoded = ModifiedUTF7.encode(text)
        try expect(encoded.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "an odd byte in modified UTF-7")
        try expectEqual(ModifiedUTF7.decode(encoded).map { Array($0.utf8) }, Array(text.utf8), "modified UTF-7")
    }

    private static func mailbox(_ bytes: [UInt8]) throws(OracleFailure) {
        for utf8 in [false, true] {
            guard let name = try? MailboxName(wire: bytes, utf8: utf8) else { continue }  // refused
            let levels = name.value.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
            try expect(!levels.contains { $0.isEmpty } && levels.count <= IMAPLimits.mailboxLevels, "levels of a name")
            try expect(name.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in a name")
            try expectEqual(try? MailboxName(wire: name.modifiedUTF7), name, "a name changes on its way")
            try expectEqual(name.ancestors.count, levels.count - 1, "levels above a name")
            for ancestor in name.ancestors { try expect(name.isBelow(ancestor), "a name is not below its ancestor") }
            try expect(!name.isBelow(name), "a name is below itself")
            var writer = IMAPResponseWriter()
            writer.mailbox(name)
            writer.crlf()
            try ResponseSyntax.check(writer.take())
        }
    }

    /// The automaton against the plainest matcher there is (RFC 3501 6.3.8).
    private static func matching(_ pattern: [UInt8], _ bytes: [UInt8]) throws(OracleFailure) {
        guard let name = try? MailboxName(wire: bytes, utf8: true) else { return }  // refused
        for utf8 in [false, true] {
            let text = utf8 ? Array(name.value.utf8) : name.modifiedUTF7
            let folded = name.isInbox || name.isBelow(.inbox) ? 5 : 0
            var reached = [Bool](repeating: false, count: text.count + 1)
            reached[0] = true
            for token in pattern { reached = step(reached, token, text, folded) }
            let found = ListMatcher(pattern: pattern, utf8: utf8).matches(name)
            try expectEqual(found, reached[text.count], "LIST \(pattern) on \(text)")
        }
    }

    /// Ends of prefixes that the pattern so far matches, with one token more.
    private static func step(_ reached: [Bool], _ token: UInt8, _ text: [UInt8], _ folded: Int) -> [Bool] {
        var next = [Bool](repeating: false, count: reached.count)
        for index in reached.indices {
            switch token {
            case UInt8(ascii: "*"): next[index] = reached[index] || index > 0 && next[index - 1]
            case UInt8(ascii: "%"):
                next[index] = reached[index] || index > 0 && next[index - 1] && text[index - 1] != UInt8(ascii: "/")
            default:
                guard index > 0, reached[index - 1] else { continue }
                let byte = text[index - 1]
                next[index] = byte == token || index <= folded && byte == token & 0xDF && (0x61...0x7A).contains(token)
            }
        }
        return next
    }
}
