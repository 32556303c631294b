import IMAPGrammar
import MailCore
import Testing

@Suite("IMAPCommandParser")
struct CommandParserTests {
    static func name(_ text: String) -> MailboxName { MailboxName(stored: text) }
    static func set(_ ranges: ClosedRange<UInt32>...) -> SequenceSet {
        SequenceSet(ranges.map { .init(.number($0.lowerBound), .number($0.upperBound)) })
    }

    static let accepted: [(String, IMAPCommand)] = [
        ("NOOP", .noop), ("capability", .capability), ("Logout", .logout), ("STARTTLS", .startTLS),
        ("IDLE", .idle), ("CHECK", .check), ("CLOSE", .close), ("UNSELECT", .unselect), ("EXPUNGE", .expunge),
        ("NAMESPACE", .namespace),
        ("LOGIN alice \"p w\\\"\\\\\"", .login(.init(user: Array("alice".utf8), password: Array("p w\"\\".utf8)))),
        ("LOGIN {5}\r\nalice {3+}\r\n\r\n!", .login(.init(user: Array("alice".utf8), password: Array("\r\n!".utf8)))),
        ("LOGIN a]b \"\"", .login(.init(user: Array("a]b".utf8), password: []))),
        ("AUTHENTICATE plain", .authenticate(.init(mechanism: "PLAIN", initialResponse: nil))),
        (
            "AUTHENTICATE PLAIN AGEAYg==",
            .authenticate(.init(mechanism: "PLAIN", initialResponse: Array("AGEAYg==".utf8)))
        ),
        ("AUTHENTICATE PLAIN =", .authenticate(.init(mechanism: "PLAIN", initialResponse: Array("=".utf8)))),
        ("ID NIL", .id([])), ("ID ()", .id([])),
        (
            "ID (\"name\" \"mutt\" \"os\" NIL)",
            .id([
                .init(field: Array("name".utf8), value: Array("mutt".utf8)), .init(field: Array("os".utf8), value: nil),
            ])
        ),
        ("ENABLE condstore UTF8=ACCEPT", .enable(["CONDSTORE", "UTF8=ACCEPT"])),
        ("SELECT inbox", .select(.init(mailbox: .inbox))),
        ("EXAMINE \"Sent Mail\"", .examine(.init(mailbox: name("Sent Mail")))),
        ("SELECT INBOX (CONDSTORE)", .select(.init(mailbox: .inbox, condStore: true))),
        (
            "SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541 (1,5 2,9)))",
            .select(
                .init(
                    mailbox: .inbox,
                    qresync: .init(
                        uidValidity: 67_890_007, modSequence: 20_050_715_194_045_000,
                        knownUIDs: set(41...41, 43...211, 214...541),
                        match: .init(numbers: set(1...1, 5...5), uids: set(2...2, 9...9)))))
        ),
        (
            "SELECT INBOX (QRESYNC (1 2))",
            .select(.init(mailbox: .inbox, qresync: .init(uidValidity: 1, modSequence: 2)))
        ),
        ("CREATE a/b/", .create(name("a/b"), specialUse: [])),
        ("CREATE MySent (USE (\\Sent))", .create(name("MySent"), specialUse: [.sent])),
        ("DELETE inbox/x", .delete(name("INBOX/x"))),
        ("RENAME a b/c", .rename(from: name("a"), to: name("b/c"))),
        ("SUBSCRIBE a", .subscribe(name("a"))), ("UNSUBSCRIBE a", .unsubscribe(name("a"))),
        ("LIST \"\" *", .list(.init(patterns: [.init(Array("*".utf8))]))),
        ("LIST a/ \"%\"", .list(.init(reference: Array("a/".utf8), patterns: [.init(Array("%".utf8))]))),
        ("LIST \"\" \"\"", .list(.init(patterns: [.init([])]))),
        (
            "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a b%) RETURN (CHILDREN STATUS (MESSAGES UNSEEN) SPECIAL-USE)",
            .list(
                .init(
                    patterns: [.init(Array("a".utf8)), .init(Array("b%".utf8))],
                    selection: [.subscribed, .recursiveMatch], returns: [.children, .specialUse],
                    statusItems: [.messages, .unseen], isExtended: true))
        ),
        ("LSUB \"\" a*", .lsub(reference: [], pattern: .init(Array("a*".utf8)))),
        (
            "STATUS a (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE DELETED MESSAGES)",
            .status(name("a"), [.messages, .recent, .uidNext, .uidValidity, .unseen, .highestModSeq, .size, .deleted])
        ),
        ("APPEND a {3}", .append(.init(mailbox: name("a")))),
        (
            "APPEND a (\\Seen $Forwarded \\Recent) \" 1-Jan-1970 00:00:01 +0000\" {3}",
            .append(
                .init(
                    mailbox: name("a"), flags: [.seen, .keyword("$Forwarded")],
                    internalDate: .init(moment: Timestamp(seconds: 1), zone: 0)))
        ),
        ("APPEND {3}\r\nfoo {3+}", .append(.init(mailbox: name("foo")))),
        ("STORE 1:2 FLAGS ()", .store(.init(set: set(1...2), action: .replace, flags: []), uid: false)),
        (
            "UID STORE 7 +flags.silent (\\deleted \\DELETED NonJunk)",
            .store(
                .init(set: set(7...7), action: .add, silent: true, flags: [.deleted, .keyword("NonJunk")]), uid: true)
        ),
        (
            "STORE 1 (UNCHANGEDSINCE 12) -FLAGS \\Seen \\Draft",
            .store(
                .init(set: set(1...1), action: .remove, flags: [.seen, .draft], unchangedSince: 12), uid: false)
        ),
        ("COPY 1 a", .copy(set(1...1), name("a"), uid: false)),
        ("UID COPY 1 a", .copy(set(1...1), name("a"), uid: true)),
        ("MOVE 1 a", .move(set(1...1), name("a"), uid: false)),
        ("UID MOVE 1 a", .move(set(1...1), name("a"), uid: true)),
        ("UID EXPUNGE 1:3,5", .uidExpunge(set(1...3, 5...5))),
    ]

    @Test("parses every command", arguments: accepted)
    func accepts(wire: String, expected: IMAPCommand) throws {
        #expect(try command(wire) == expected)
    }

    static let refused: [String] = [
        "", " ", "NOOP ", "NOOP x", " NOOP", "FOO", "UID", "UID NOOP", "UID EXPUNGE", "EXPUNGE 1", "LOGIN", "LOGIN a",
        "LOGIN a b c", "LOGIN  a b", "LOGIN a \"b", "LOGIN a \"b\\x\"", "LOGIN a b\"", "LOGIN a \u{1}",
        "LOGIN a \"\u{0}\"",
        "LOGIN a {1+}\r\n\u{0}", "LOGIN a é", "LOGIN a \"b\nc\"", "LOGIN a b\nb NOOP",
        "AUTHENTICATE", "AUTHENTICATE PLAIN ", "AUTHENTICATE PLAIN a b", "AUTHENTICATE PLAIN *", "ID", "ID (\"a\")",
        "ID (\"a\" \"b\"", "ID (\"a\" \"b\" \"c\")", "ID ((((", "ENABLE", "ENABLE  A",
        "SELECT", "SELECT a b", "SELECT a (FOO)", "SELECT a (QRESYNC (0 1))", "SELECT a ()",
        "LIST a", "LIST (", "LIST (FOO) a b", "LIST (RECURSIVEMATCH) a b", "LIST a (", "LIST a b RETURN", "LIST a ()",
        "LIST a b RETURN (STATUS)", "STATUS a", "STATUS a ()", "STATUS a (FOO)", "STATUS a MESSAGES",
        "APPEND a", "APPEND a (\\Seen) ", "APPEND {1}\r\na", "APPEND a (\\Foo) {1}", "APPEND a x {1}",
        "APPEND a \"32-Jan-2000 00:00:00 +0000\" {1}", "APPEND a \"01-Jan-2000 24:00:00 +0000\" {1}",
        "APPEND a \"01-Foo-2000 00:00:00 +0000\" {1}", "APPEND a \"01-Jan-2000 00:00:00 0000\" {1}",
        "STORE 1 FLAGS", "STORE 1 FLAGS (\\Foo)", "STORE 1 FLAGS (\\Recent)", "STORE 1 FLAGS (\\)",
        "STORE 1 FLAGS \\Recent",
        "STORE 1 *FLAGS (a)", "STORE FLAGS (a)", "STORE 1 FLAGS.LOUD (a)", "STORE 1 FLAGS ((a))",
        "COPY 1", "COPY a 1", "COPY 0 a", "COPY 1: a", "COPY 1,,2 a", "COPY ,1 a", "COPY 1:2:3 a", "COPY -1 a",
        "COPY 4294967296 a",
        "COPY 1:4294967296 a", "COPY 99999999999999999999999 a", "COPY * ", "COPY $ a", "X-UNKNOWN a", "ＮＯＯＰ",
    ]

    @Test("answers BAD to anything else", arguments: refused)
    func refuses(wire: String) {
        #expect(refusal(wire)?.status == .bad)
        #expect(refusal(wire)?.close == false)
        #expect(refusal(wire)?.tag == "a1")
    }

    @Test("the tag is checked", arguments: ["", "+ NOOP", "a+b NOOP", "(a NOOP", " NOOP", "NOOP\u{0} x"])
    func tags(line: String) {
        #expect(throws: IMAPSyntaxError.self) { try IMAPCommandParser.parse(IMAPFrame(bytes: Array(line.utf8))) }
    }

    @Test("a tag above the limit is not repeated")
    func longTag() {
        let line = String(repeating: "a", count: 65) + " NOOP"
        #expect(Transcript(Array("\(line)\r\n".utf8)).events.first == "command " + line)
        do throws(IMAPSyntaxError) {
            _ = try IMAPCommandParser.parse(IMAPFrame(bytes: Array(line.utf8)))
            Issue.record("accepted")
        } catch {
            #expect(String(decoding: error.encoded(), as: UTF8.self) == "* BAD Tag too long\r\n")
        }
    }

    @Test("an error never repeats what was sent")
    func noEcho() {
        for wire in ["LOGIN a \"canary", "LOGIN canary", "AUTHENTICATE PLAIN ca*nary", "CANARY canary"] {
            #expect(
                refusal(wire).map { String(decoding: $0.encoded(), as: UTF8.self).lowercased().contains("canary") }
                    == false)
        }
        #expect(!String(describing: IMAPLogin(user: [], password: Array("canary".utf8))).contains("canary"))
    }

    @Test("a line of HTTP ends the session")
    func http() {
        do throws(IMAPSyntaxError) {
            _ = try IMAPCommandParser.parse(IMAPFrame(bytes: Array("POST /a1%20NOOP HTTP/1.1".utf8)))
            Issue.record("accepted")
        } catch {
            #expect(error.close)
        }
    }

    @Test("lists have a bound")
    func bounds() {
        #expect(refusal("ID (" + String(repeating: "\"a\" NIL ", count: 31) + "\"a\" NIL)")?.status == .bad)
        #expect(refusal("STORE 1 FLAGS (" + (0..<200).map { "k\($0)" }.joined(separator: " ") + ")")?.status == .bad)
        #expect(refusal("STORE 1 FLAGS " + (0..<200).map { "k\($0)" }.joined(separator: " "))?.status == .bad)
        #expect(refusal("COPY " + String(repeating: "1,", count: 20_000) + "1 a")?.status == .bad)
        #expect(refusal("FETCH 1 (" + (1..<300).map { "BODY[\($0)]" }.joined(separator: " ") + ")")?.status == .bad)
        #expect(refusal("FETCH 1 BODY[" + String(repeating: "1.", count: 101) + "1]")?.status == .bad)
    }

    @Test("mutated commands never trap", arguments: 0..<100)
    func mutations(seed: UInt64) {
        var random = Random(state: seed)
        let seeds = Self.accepted.map(\.0) + SearchTests.accepted.map(\.0) + FetchTests.accepted.map(\.0)
        for wire in seeds {
            var bytes = Array(wire.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0...bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
                case 1 where at < bytes.count: bytes.remove(at: at)
                case 2 where at < bytes.count:
                    bytes[at] = Array("()[]{}<>\"\\ *%&0-9:,.~".utf8).randomElement(using: &random) ?? 0
                default: break
                }
            }
            _ = try? command(bytes)  // Only that it returns.
        }
    }
}
