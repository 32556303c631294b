import IMAPGrammar
import MailCore
import Testing

@Suite("Responses")
struct ResponseTests {
    private func written(_ body: (inout IMAPResponseWriter) -> Void) -> String {
        var writer = IMAPResponseWriter()
        body(&writer)
        return String(decoding: writer.take(), as: UTF8.self)
    }

    @Test("status responses with their codes")
    func status() {
        #expect(written { $0.tagged("a1", .ok, "done") } == "a1 OK done\r\n")
        #expect(
            written { $0.tagged("a1", .no, code: .tryCreate, "no such mailbox") }
                == "a1 NO [TRYCREATE] no such mailbox\r\n")
        #expect(written { $0.untagged(.bye, "closing") } == "* BYE closing\r\n")
        #expect(written { $0.continuation("idling") } == "+ idling\r\n")
        #expect(written { $0.untagged(.preAuth, "hello") } == "* PREAUTH hello\r\n")
    }

    @Test(
        "response codes",
        arguments: [
            (.uidNext(4392), "UIDNEXT 4392"), (.uidValidity(.max), "UIDVALIDITY 4294967295"),
            (.unseen(12), "UNSEEN 12"),
            (.permanentFlags([.seen, .keyword("x")], newKeywords: true), "PERMANENTFLAGS (\\Seen x \\*)"),
            (.permanentFlags([], newKeywords: false), "PERMANENTFLAGS ()"),
            (.appendUID(uidValidity: 38505, uid: 3955), "APPENDUID 38505 3955"),
            (
                .copyUID(
                    uidValidity: 38505, source: NumberSet(numbers: [304, 319, 320]),
                    destination: NumberSet([3956...3958])),
                "COPYUID 38505 304,319:320 3956:3958"
            ),
            (.capability(["IMAP4rev1", "IDLE"]), "CAPABILITY IMAP4rev1 IDLE"),
            (.highestModSeq(715_194_045_007), "HIGHESTMODSEQ 715194045007"),
            (.modified(NumberSet([7...7, 9...10])), "MODIFIED 7,9:10"), (.readWrite, "READ-WRITE"), (.closed, "CLOSED"),
            (.authenticationFailed, "AUTHENTICATIONFAILED"), (.overQuota, "OVERQUOTA"), (.tooBig, "TOOBIG"),
            (.alert, "ALERT"),
        ] as [(IMAPResponseCode, String)])
    func codes(code: IMAPResponseCode, text: String) {
        #expect(written { $0.untagged(.ok, code: code, "x") } == "* OK [\(text)] x\r\n")
    }

    @Test("mailbox data")
    func mailboxes() {
        #expect(written { $0.exists(23) } == "* 23 EXISTS\r\n")
        #expect(written { $0.expunge(4_294_967_295) } == "* 4294967295 EXPUNGE\r\n")
        #expect(
            written {
                $0.list(MailboxName(stored: "Entwürfe \"x\""), attributes: [.hasNoChildren, .specialUse(.drafts)])
            }
                == "* LIST (\\HasNoChildren \\Drafts) \"/\" \"Entw&APw-rfe \\\"x\\\"\"\r\n")
        #expect(
            written { $0.list(MailboxName(stored: "ü"), attributes: [], utf8: true) } == "* LIST () \"/\" \"ü\"\r\n")
        #expect(written { $0.lsub(.inbox) } == "* LSUB () \"/\" \"INBOX\"\r\n")
        #expect(
            written { $0.list(MailboxName(stored: "a"), attributes: [.nonExistent], childInfo: true) }
                == "* LIST (\\NonExistent) \"/\" \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n")
        #expect(
            written { $0.status(.inbox, [(.messages, 231), (.uidNext, 44292)]) }
                == "* STATUS \"INBOX\" (MESSAGES 231 UIDNEXT 44292)\r\n")
        #expect(written { $0.flags([.answered, .keyword("$Junk")]) } == "* FLAGS (\\Answered $Junk)\r\n")
        #expect(written { $0.vanished(NumberSet([1...3]), earlier: true) } == "* VANISHED (EARLIER) 1:3\r\n")
        #expect(written { $0.vanished(NumberSet(), earlier: true) }.isEmpty)
        #expect(written { $0.id([("name", "Martlet")]) } == "* ID (\"name\" \"Martlet\")\r\n")
        #expect(written { $0.id([]) } == "* ID NIL\r\n")
    }

    @Test("SEARCH and ESEARCH")
    func search() {
        #expect(written { $0.search([2, 3, 6]) } == "* SEARCH 2 3 6\r\n")
        #expect(written { $0.search([]) } == "* SEARCH\r\n")
        #expect(written { $0.search([2], modSeq: 9) } == "* SEARCH 2 (MODSEQ 9)\r\n")
        let found = NumberSet(numbers: [2, 10, 11, 12])
        #expect(
            written { $0.extendedSearch(tag: "A282", uid: true, returns: [.min, .count, .all, .max], found: found) }
                == "* ESEARCH (TAG \"A282\") UID MIN 2 COUNT 4 ALL 2,10:12 MAX 12\r\n")
        #expect(
            written { $0.extendedSearch(tag: "a", uid: false, returns: [], found: found) }
                == "* ESEARCH (TAG \"a\") ALL 2,10:12\r\n")
        #expect(
            written { $0.extendedSearch(tag: "a", uid: false, returns: [.all, .min, .count], found: NumberSet()) }
                == "* ESEARCH (TAG \"a\") COUNT 0\r\n")
    }

    @Test("FETCH items stand in one list")
    func fetch() {
        let text = written {
            $0.beginFetch(12)
            $0.fetchUID(7)
            $0.fetchFlags(bits: 1 | 8 | 1 << 8 | 1 << 10 | 1 << 40, keywords: ["a", "b", "c"], recent: true)
            $0.fetchSize(44_827)
            $0.fetchModSeq(3)
            $0.fetchInternalDate(Timestamp(seconds: 837_596_665))
            $0.fetchSection(
                .section(.init(part: [1], text: .mime), peek: true, partial: .init(offset: 5, count: 9)),
                Array("\r\n".utf8))
            $0.fetchSection(.rfc822Header, [])
            $0.fetchSectionNil(.section(.init(part: [9]), peek: false, partial: nil))
            $0.endFetch()
        }
        #expect(
            text == "* 12 FETCH (UID 7 FLAGS (\\Seen \\Deleted \\Recent a c) RFC822.SIZE 44827 MODSEQ (3)"
                + " INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" BODY[1.MIME]<5> {2}\r\n\r\n RFC822.HEADER {0}\r\n BODY[9] NIL)\r\n"
        )
    }

    @Test("no flags, and every bit that a flag has")
    func flags() {
        #expect(written { $0.flagList(bits: 0, keywords: []) } == "()")
        #expect(written { $0.flagList(bits: 31, keywords: []) } == "(\\Seen \\Answered \\Flagged \\Deleted \\Draft)")
        #expect(written { $0.flagList(bits: .min, keywords: ["a"]) } == "()")
        let keywords = (0..<56).map { "k\($0)" }
        #expect(
            written { $0.flagList(bits: -1 << 8, keywords: keywords) } == "(" + keywords.joined(separator: " ") + ")")
        for flag in IMAPFlag.system {
            #expect(written { $0.flagList(bits: flag.bit ?? 0, keywords: []) } == "(\(flag.name))")
        }
    }

    @Test(
        "a string is quoted when it may be, otherwise a literal",
        arguments: [
            ("", "\"\""), ("abc", "\"abc\""), ("a\"b\\c", "\"a\\\"b\\\\c\""), ("ü", "{2}\r\nü"),
            ("a\r\nb", "{4}\r\na\r\nb"), ("\u{7F}", "{1}\r\n\u{7F}"),
            ("\t", "{1}\r\n\t"),
            (String(repeating: "x", count: 1001), "{1001}\r\n" + String(repeating: "x", count: 1001)),
        ])
    func strings(value: String, expected: String) throws {
        #expect(written { $0.string(value) } == expected)
        #expect(written { $0.nstring(value as String?) } == expected)
        // What was written parses back.
        #expect(try command("LOGIN x " + expected) == .login(.init(user: [0x78], password: Array(value.utf8))))
    }

    @Test("an absent string is NIL, a string that reads NIL is quoted")
    func nilStrings() {
        #expect(written { $0.nstring(nil as [UInt8]?) } == "NIL")
        #expect(written { $0.astring(Array("nil".utf8)) } == "\"nil\"")
        #expect(written { $0.astring(Array("Message-ID]".utf8)) } == "Message-ID]")
        #expect(written { $0.astring([]) } == "\"\"")
    }

    @Test("numbers", arguments: [0, 9, 10, 99, 100, 4_294_967_295, UInt64.max])
    func numbers(value: UInt64) {
        #expect(written { $0.number(value) } == String(value))
        #expect(written { $0.number(-5) } == "-5")
    }

    @Test("taking the bytes leaves an empty writer")
    func take() {
        var writer = IMAPResponseWriter(capacity: 10)
        writer.exists(1)
        #expect(writer.take().count == 12)
        #expect(writer.isEmpty)
    }
}
