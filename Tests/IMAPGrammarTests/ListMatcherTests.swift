import IMAPGrammar
import Testing

@Suite("LIST patterns")
struct ListMatcherTests {
    private func matches(_ pattern: String, _ name: String, reference: String = "", utf8: Bool = false) -> Bool {
        ListPattern(Array(pattern.utf8)).matcher(reference: Array(reference.utf8), utf8: utf8)
            .matches(MailboxName(stored: name))
    }

    @Test(
        "wildcards of RFC 3501 6.3.8",
        arguments: [
            ("*", "a/b/c", true), ("%", "a", true), ("%", "a/b", false), ("%/%", "a/b", true), ("a/%", "a/b", true),
            ("a/%", "a", false), ("a/%", "a/b/c", false), ("a*", "abc/d", true), ("*c", "a/b/c", true),
            ("a%c", "a/c", false),
            ("a%c", "abc", true), ("a%c", "ac", true), ("", "", true), ("", "a", false), ("a", "a", true),
            ("a", "A", false),
            ("*%*", "a/b", true), ("%%%", "a", true), ("%%%", "a/b", false), ("%*", "a/b", true),
            ("*/c", "a/b/c", true),
            ("%/c", "a/b/c", false), ("inbox", "INBOX", true), ("iN%", "INBOX", true), ("inbox/x", "INBOX/x", true),
            ("inbox/X", "INBOX/x", false), ("*OX", "INBOX", true), ("Inboxes", "INBOXES", false),
            ("a/inbox", "a/INBOX", false),
            ("Entw&APw-rfe", "Entwürfe", true), ("Entw%", "Entwürfe", true), ("&AGE-", "a", false),
            ("a&-b", "a&b", true),
            ("\u{e9}", "\u{e9}", false),
        ])
    func table(pattern: String, name: String, expected: Bool) {
        #expect(matches(pattern, name) == expected)
    }

    @Test("the reference is put before the pattern")
    func reference() {
        #expect(matches("%", "a/b", reference: "a/"))
        #expect(!matches("%", "b", reference: "a/"))
        #expect(matches("\u{e9}*", "\u{e9}&x", utf8: true))
    }

    /// The textbook definition.
    private func slowly(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        if first == UInt8(ascii: "*") || first == UInt8(ascii: "%") {
            if slowly(pattern.dropFirst(), name) { return true }
            guard let byte = name.first, first == UInt8(ascii: "*") || byte != UInt8(ascii: "/") else { return false }
            return slowly(pattern, name.dropFirst())
        }
        return name.first == first && slowly(pattern.dropFirst(), name.dropFirst())
    }

    @Test("agrees with the definition", arguments: 0..<300)
    func agrees(seed: UInt64) {
        var random = Random(state: seed)
        let pattern = (0..<Int.random(in: 0...7, using: &random)).map { _ in
            Array("ab/%*".utf8).randomElement(using: &random) ?? 0
        }
        let matcher = ListPattern(pattern).matcher()
        for _ in 0..<40 {
            let name = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                Array("ab/".utf8).randomElement(using: &random) ?? 0
            }
            #expect(
                matcher.matches(MailboxName(stored: String(decoding: name, as: UTF8.self)))
                    == slowly(pattern[...], name[...]))
        }
    }

    @Test("patterns longer than a machine word work", arguments: [62, 63, 64, 65, 127, 128, 129, 500])
    func long(count: Int) {
        let text = String(repeating: "x", count: count)
        #expect(matches(text, text))
        #expect(matches("*" + text, "y/" + text) && !matches("%" + text, "y/" + text))
        #expect(matches(text + "%", text + "y") && !matches(text + "%", text + "/"))
        #expect(!matches(text, text + "x") && !matches(text + "x", text))
    }

    @Test("a hostile pattern does not explode on 5,000 names")
    func hostile() {
        let wild = ListPattern(Array((String(repeating: "*%", count: 40) + "x").utf8)).matcher()
        let teeth = ListPattern(Array((String(repeating: "*a", count: 400) + "x").utf8)).matcher()
        for index in 0..<5000 {
            let name = MailboxName(stored: "folder/" + String(repeating: "a", count: index % 60) + String(index))
            #expect(!wild.matches(name) && !teeth.matches(name))
        }
    }
}
