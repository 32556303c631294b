import MessageGrammar
import Testing

/// `name|route|mailbox|host` with `-` for nil.
private func show(_ text: String) -> [String] {
    AddressList.parse(Array(text.utf8)).map { address in
        [address.name, address.route, address.mailbox, address.host]
            .map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "-" }.joined(separator: "|")
    }
}

@Suite struct AddressListTests {
    /// RFC 5322 3.4 and the examples of its appendix A.
    @Test(arguments: [
        ("a@b.c", ["-|-|a|b.c"]),
        ("John Doe <jdoe@machine.example>", ["John Doe|-|jdoe|machine.example"]),
        ("\"Joe Q. Public\" <john.q.public@example.com>", ["Joe Q. Public|-|john.q.public|example.com"]),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            ["Mary Smith|-|mary|x.test", "-|-|jdoe|example.org", "Who?|-|one|y.test"]
        ),
        (
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            ["-|-|boss|nil.test", "Giant; \"Big\" Box|-|sysservices|example.net"]
        ),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", ["Pete|-|pete|silly.test"]),
        (
            "A Group(Some people):Chris Jones <c@(Chris's host.)public.example>, joe@example.org, "
                + "John <jdoe@one.test> (my dear friend); (the end of the group)",
            [
                "-|-|A Group|-", "Chris Jones|-|c|public.example", "-|-|joe|example.org", "John|-|jdoe|one.test",
                "-|-|-|-",
            ]
        ),
        ("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", ["-|-|Hidden recipients|-", "-|-|-|-"]),
        ("Joe Q. Public <john.q.public@example.com>", ["Joe Q. Public|-|john.q.public|example.com"]),
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            ["Mary Smith|@node.test|mary|example.net", "-|-|jdoe|test.example"]
        ),
        ("<@a.test,@b.test:c@d.test>", ["-|@a.test,@b.test|c|d.test"]),
        ("a@[192.0.2.1], b@[IPv6:2001:db8::1]", ["-|-|a|[192.0.2.1]", "-|-|b|[IPv6:2001:db8::1]"]),
        ("\"quoted local\"@x.test", ["-|-|quoted local|x.test"]),
    ])
    func parsesTheStandard(text: String, expected: [String]) {
        #expect(show(text) == expected)
    }

    @Test(arguments: [
        ("", []),
        (",,;", []),
        ("jdoe@one.test (John Doe)", ["John Doe|-|jdoe|one.test"]),
        ("foo@bar.test <foo@bar.test>", ["foo@bar.test|-|foo|bar.test"]),
        ("undisclosed-recipients:;", ["-|-|undisclosed-recipients|-", "-|-|-|-"]),
        ("open group: a@b", ["-|-|open group|-", "-|-|a|b", "-|-|-|-"]),
        ("MAILER-DAEMON", ["-|-|MAILER-DAEMON|"]),
        ("<>", ["-|-||"]),
        ("Name <a@b", ["Name|-|a|b"]),
        ("Name <a@b, c@d", ["Name|-|a|b", "-|-|c|d"]),
        ("=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_X?= <j@x>", ["=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_X?=|-|j|x"]),
        ("[List] Name <a@b>", ["[List] Name|-|a|b"]),
        ("a@b c@d, e@f", ["-|-|a|b", "-|-|e|f"]),
        ("\"a@evil.test\" <b@good.test>", ["a@evil.test|-|b|good.test"]),
        ("J\u{F6}rg <j\u{F6}rg@b\u{FC}cher.test>", ["J\u{F6}rg|-|j\u{F6}rg|b\u{FC}cher.test"]),
        ("John\r\n Doe\r\n <j@x>", ["John Doe|-|j|x"]),
        ("a@b;c@d", ["-|-|a|b", "-|-|c|d"]),
        ("@", ["-|-||"]),
        ("<Undisclosed-Recipient:@x.test;>", ["-|-|Undisclosed-Recipient:|x.test"]),
        ("<a@b@c.test>", ["-|-|a@b|c.test"]),
        ("a@b> , c@d>", ["-|-|a|b", "-|-|c|d"]),
    ])
    func readsWhatPeopleSend(text: String, expected: [String]) {
        #expect(show(text) == expected)
    }

    @Test func endsUnterminatedTokensAtTheEnd() {
        for text in [
            "\"abc", "(abc", "a (b", "a@[1.2", "<a", "\"a\\", "(((((", "x:y:z:;;;", "<@a", "<@a:", "a@\"", "\\",
        ] {
            _ = show(text)
        }
    }

    @Test func noInputMakesItLoop() {
        var random = SeededGenerator(seed: 7)
        let alphabet = Array("<>@,;:()\"\\.[] \r\na=?\u{80}".utf8)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0..<24, using: &random)
            _ = AddressList.parse((0..<length).map { _ in alphabet.randomElement(using: &random) ?? 0 })
        }
    }

    @Test func keepsAtMostItsLimit() {
        let many = Array(repeating: "a@b", count: MessageLimits.addresses + 50).joined(separator: ",")
        #expect(show(many).count == MessageLimits.addresses)
    }
}
