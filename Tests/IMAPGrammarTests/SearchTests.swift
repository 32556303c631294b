import IMAPGrammar
import Testing

@Suite("SEARCH")
struct SearchTests {
    static func date(_ year: Int, _ month: Int, _ day: Int) -> IMAPDate {
        IMAPDate(year: year, month: month, day: day) ?? IMAPDate(days: 0)
    }

    static let accepted: [(String, SearchKey)] = [
        ("SEARCH ALL", .all),
        ("SEARCH UNSEEN", .noFlag(.seen)),
        ("SEARCH 1:3", .sequence(SequenceSet(1...3))),
        ("SEARCH *", .sequence(SequenceSet([.init(.largest, .largest)]))),
        ("SEARCH UID 5:*", .uid(SequenceSet([.init(.number(5), .largest)]))),
        ("SEARCH answered deleted", .and([.flag(.answered), .flag(.deleted)])),
        ("SEARCH NEW OLD RECENT", .and([.new, .noFlag(.recent), .flag(.recent)])),
        ("SEARCH KEYWORD $Junk UNKEYWORD x", .and([.flag(.keyword("$Junk")), .noFlag(.keyword("x"))])),
        (
            "SEARCH FROM smith SUBJECT \"a b\"",
            .and([.header(field: "FROM", text: "smith"), .header(field: "SUBJECT", text: "a b")])
        ),
        ("SEARCH HEADER message-id \"\"", .header(field: "MESSAGE-ID", text: "")),
        ("SEARCH BODY {3}\r\na)b TEXT x", .and([.body("a)b"), .text("x")])),
        ("SEARCH CHARSET utf-8 BODY \"ö\"", .body("ö")),
        ("SEARCH BODY {2}\r\nö", .body("ö")),
        (
            "SEARCH SINCE 1-Feb-1994 BEFORE \"28-feb-2000\"",
            .and([.since(date(1994, 2, 1)), .before(date(2000, 2, 28))])
        ),
        ("SEARCH ON 29-Feb-2000", .on(date(2000, 2, 29))),
        (
            "SEARCH SENTBEFORE 1-Jan-1970 SENTON 01-Jan-1970 SENTSINCE 1-Jan-1970",
            .and([.sentBefore(IMAPDate(days: 0)), .sentOn(IMAPDate(days: 0)), .sentSince(IMAPDate(days: 0))])
        ),
        ("SEARCH LARGER 0 SMALLER 4294967295", .and([.larger(0), .smaller(.max)])),
        ("SEARCH OLDER 60 YOUNGER 1", .and([.older(60), .younger(1)])),
        ("SEARCH MODSEQ 620162338", .modSeq(620_162_338)),
        ("SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338", .modSeq(620_162_338)),
        ("SEARCH NOT SEEN", .not(.flag(.seen))),
        ("SEARCH NOT NOT SEEN", .not(.not(.flag(.seen)))),
        ("SEARCH OR SEEN NOT FLAGGED", .or(.flag(.seen), .not(.flag(.flagged)))),
        ("SEARCH OR OR 1 2 OR 3 4", .or(.or(one(1), one(2)), .or(one(3), one(4)))),
        ("SEARCH (SEEN)", .flag(.seen)),
        ("SEARCH ((SEEN DRAFT) 1)", .and([.and([.flag(.seen), .flag(.draft)]), one(1)])),
        ("SEARCH NOT (SEEN DRAFT) ALL", .and([.not(.and([.flag(.seen), .flag(.draft)])), .all])),
        ("SEARCH OR (SEEN DRAFT) (NOT 1) ALL", .and([.or(.and([.flag(.seen), .flag(.draft)]), .not(one(1))), .all])),
    ]

    static func one(_ number: UInt32) -> SearchKey { .sequence(SequenceSet(number...number)) }

    @Test("parses keys and their nesting", arguments: accepted)
    func accepts(wire: String, key: SearchKey) throws {
        #expect(try command(wire) == .search(.init(key: key), uid: false))
        #expect(try command("UID " + wire) == .search(.init(key: key), uid: true))
    }

    @Test("parses RETURN options (RFC 4731)")
    func returns() throws {
        #expect(try command("SEARCH RETURN () ALL") == .search(.init(returns: [], key: .all), uid: false))
        #expect(
            try command("SEARCH RETURN (MIN COUNT min) CHARSET US-ASCII ALL")
                == .search(.init(returns: [.min, .count], key: .all), uid: false))
    }

    @Test(
        "refuses what is no search",
        arguments: [
            "SEARCH", "SEARCH ", "SEARCH FOO", "SEARCH ()", "SEARCH (SEEN", "SEARCH SEEN)", "SEARCH (SEEN))",
            "SEARCH NOT", "SEARCH NOT ",
            "SEARCH OR", "SEARCH OR SEEN", "SEARCH OR SEEN ", "SEARCH (OR SEEN)", "SEARCH (NOT)", "SEARCH SEEN  SEEN",
            "SEARCH SEEN ",
            "SEARCH 0", "SEARCH 1:0", "SEARCH 4294967296", "SEARCH 1:4294967296", "SEARCH UID", "SEARCH BODY",
            "SEARCH BODY ()",
            "SEARCH SINCE 31-Feb-2000", "SEARCH SINCE 29-Feb-1900", "SEARCH SINCE 0-Jan-2000",
            "SEARCH SINCE 1-Jan-99999",
            "SEARCH SINCE 1-Jan-99", "SEARCH SINCE 001-Jan-2000", "SEARCH SINCE \"1-Jan-2000", "SEARCH LARGER x",
            "SEARCH LARGER -1",
            "SEARCH OLDER 0", "SEARCH KEYWORD \\Seen", "SEARCH RETURN (FOO) ALL", "SEARCH RETURN ALL",
            "SEARCH MODSEQ x", "SEARCH HEADER a",
        ])
    func refuses(wire: String) {
        #expect(refusal(wire)?.status == .bad)
    }

    @Test("an unknown charset or broken UTF-8 is NO [BADCHARSET]")
    func charset() throws {
        #expect(refusal("SEARCH CHARSET ISO-2022-JP BODY x")?.code == .badCharset)
        var answer = IMAPSyntaxError("")
        do throws(IMAPSyntaxError) { _ = try command(Array("SEARCH BODY {1+}\r\n".utf8) + [0xFF]) } catch {
            answer = error
        }
        #expect(
            String(decoding: answer.encoded(), as: UTF8.self) == "a1 NO [BADCHARSET (US-ASCII UTF-8)] Invalid UTF-8\r\n"
        )
    }

    @Test("depth is capped, without recursion")
    func depth() throws {
        for open in ["NOT ", "(", "OR 1 ", "OR (", "NOT ("] {
            #expect(refusal("SEARCH " + String(repeating: open, count: 5000) + "ALL")?.status == .bad)
        }
        #expect(refusal("SEARCH " + String(repeating: "NOT ", count: 200) + "ALL")?.text == "Search too deep")
        #expect(refusal("SEARCH " + String(repeating: "NOT ", count: 99) + "ALL") == nil)
        #expect(
            refusal("SEARCH " + String(repeating: "(", count: 99) + "ALL" + String(repeating: ")", count: 99)) == nil)
    }

    @Test("the number of texts is capped: each costs a pass over the mail")
    func texts() {
        #expect(refusal("SEARCH" + String(repeating: " BODY x", count: 33))?.code == .limit)
        #expect(refusal("SEARCH" + String(repeating: " TEXT x", count: 32)) == nil)
        #expect(refusal("SEARCH" + String(repeating: " OR FROM x TO x", count: 129))?.code == .limit)
        #expect(refusal("SEARCH" + String(repeating: " OR FROM x TO x", count: 128)) == nil)
    }

    @Test("the number of keys is capped")
    func size() {
        #expect(
            refusal("SEARCH " + Array(repeating: "ALL", count: 10_001).joined(separator: " "))?.text
                == "Search too long")
        #expect(refusal("SEARCH " + Array(repeating: "ALL", count: 9_999).joined(separator: " ")) == nil)
        #expect(refusal("SEARCH " + String(repeating: "NOT ", count: 100_000) + "ALL")?.close == true)
    }
}
