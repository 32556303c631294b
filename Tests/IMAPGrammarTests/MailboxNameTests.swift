import IMAPGrammar
import Testing

@Suite("Mailbox names")
struct MailboxNameTests {
    @Test(
        "modified UTF-7 of RFC 3501 5.1.3",
        arguments: [
            ("", ""), ("INBOX", "INBOX"), ("a&b", "a&-b"), ("&", "&-"), ("é", "&AOk-"), ("é&", "&AOk-&-"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"), ("\u{1F600}x", "&2D3eAA-x"), ("\u{7F}", "&AH8-"),
            ("Entwürfe", "Entw&APw-rfe"),
        ])
    func encoding(name: String, wire: String) {
        #expect(String(decoding: ModifiedUTF7.encode(name), as: UTF8.self) == wire)
        #expect(ModifiedUTF7.decode(Array(wire.utf8)) == name)
    }

    @Test(
        "refuses every form that is not canonical",
        arguments: [
            "&", "a&", "&AAA", "&AGE-", "&AC8-", "&ACY-", "&2AA-", "&3AA-", "&2D0-", "&Jjo!", "&Jjo", "&AOk", "&AOl-",
            "&AOkA-", "&A-",
            "&AO-", "&AOk-&AOk-", "&AOk=-", "&U/BTFw-", "é", "a\u{0}b", "a\tb", "\u{7F}", "&AOkAYQ-", "&AOk-&AGE-",
            "&&--",
        ])
    func nonCanonical(wire: String) {
        #expect(ModifiedUTF7.decode(Array(wire.utf8)) == nil)
    }

    @Test("no two wire names have one decoding, and every name comes back", arguments: 0..<100)
    func injective(seed: UInt64) {
        var random = Random(state: seed)
        let alphabet = Array("&-,+/aAz09 \u{e9}\u{130}\u{4e2d}\u{1F600}\u{10FFFF}\u{FFFD}".unicodeScalars)
        var name = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            name.append(alphabet.randomElement(using: &random) ?? "x")
        }
        let wire = ModifiedUTF7.encode(String(name))
        #expect(ModifiedUTF7.decode(wire).map { Array($0.utf8) } == Array(String(name).utf8))
        // Any other bytes either fail or mean another name.
        for index in wire.indices {
            var other = wire
            other[index] = Array("&-,+/aAQgk0".utf8).randomElement(using: &random) ?? 0
            if other != wire, let decoded = ModifiedUTF7.decode(other) {
                #expect(ModifiedUTF7.encode(decoded) == other)
            }
        }
    }

    @Test(
        "INBOX has one spelling, also as first level",
        arguments: [
            ("inbox", "INBOX"), ("InBoX", "INBOX"), ("inbox/a", "INBOX/a"), ("inboxes", "inboxes"),
            ("a/inbox", "a/inbox"),
        ])
    func inbox(wire: String, name: String) throws {
        #expect(try MailboxName(wire: Array(wire.utf8)).value == name)
    }

    @Test(
        "NO for a name that cannot exist",
        arguments: [
            "", "/", "/a", "a/", "a//b", "&AAA-", "&AC8-", "&AGE-", "&2AA-", "&Jjo!", "&", "é", "&AIU-", "&ICg-",
            String(repeating: "a", count: 1001), String(repeating: "a/", count: 50) + "a",
        ])
    func invalid(wire: String) {
        #expect(throws: IMAPSyntaxError.self) { try MailboxName(wire: Array(wire.utf8)) }
        #expect(refusal("SELECT \"\(wire)\"")?.status == .no)
    }

    @Test("control characters are refused by literal too", arguments: ["a\r\nb", "a\nb", "a\tb", "\u{1}"])
    func controls(wire: String) {
        #expect(refusal("CREATE {\(wire.utf8.count)+}\r\n\(wire)")?.status == .no)
        #expect(refusal("CREATE {\(wire.utf8.count)+}\r\n\(wire)", utf8: true)?.status == .no)
    }

    @Test(
        "odd but possible names are literal",
        arguments: ["../bob/INBOX", "INBOX/../x", "%", "_", "*", "x'--", "$1", ".", " "])
    func literal(name: String) throws {
        #expect(try command("DELETE {\(name.utf8.count)+}\r\n\(name)") == .delete(MailboxName(stored: name)))
    }

    @Test("UTF-8 names only once enabled")
    func utf8() throws {
        #expect(try command("DELETE \"é&\"", utf8: true) == .delete(MailboxName(stored: "é&")))
        #expect(refusal("DELETE \"é\"")?.status == .no)
        #expect(throws: IMAPSyntaxError.self) { try MailboxName(wire: [0xC0, 0xAF], utf8: true) }
    }

    @Test("two spellings of a letter are two names")
    func bytesCount() {
        #expect(MailboxName(stored: "e\u{301}") != MailboxName(stored: "\u{e9}"))
        #expect(Set([MailboxName(stored: "e\u{301}"), MailboxName(stored: "\u{e9}")]).count == 2)
    }

    @Test("hierarchy")
    func hierarchy() {
        let name = MailboxName(stored: "a/b/c")
        #expect(name.ancestors.map(\.value) == ["a", "a/b"])
        #expect(name.isBelow(MailboxName(stored: "a")) && name.isBelow(MailboxName(stored: "a/b")))
        #expect(
            !name.isBelow(name) && !name.isBelow(MailboxName(stored: "a/"))
                && !MailboxName(stored: "ab").isBelow(MailboxName(stored: "a")))
    }
}
