import MailCore
import POP3Grammar
import Testing

/// A command as text, secrets revealed: what a test compares.
private func read(_ line: String) -> String {
    read(Array(line.utf8))
}

private func read(_ line: [UInt8]) -> String {
    do {
        switch try POP3Command(line) {
        case .capa: return "capa"
        case .stls: return "stls"
        case .user(let name): return "user \(text(name))"
        case .pass(let password): return "pass \(text(password.reveal()))"
        case .auth(let mechanism, let initial):
            return "auth \(text(mechanism)) \(initial.map { text($0.reveal()) } ?? "-")"
        case .stat: return "stat"
        case .list(let number): return "list \(number ?? 0)"
        case .uidl(let number): return "uidl \(number ?? 0)"
        case .retr(let number): return "retr \(number)"
        case .top(let number, let lines): return "top \(number) \(lines)"
        case .dele(let number): return "dele \(number)"
        case .noop: return "noop"
        case .rset: return "rset"
        case .quit: return "quit"
        case .http: return "http"
        }
    } catch {
        return "\(error)"
    }
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite struct POP3CommandTests {
    @Test(arguments: [
        ("CAPA", "capa"), ("stls", "stls"), ("Stat", "stat"), ("NOOP", "noop"), ("RSET", "rset"), ("QUIT", "quit"),
        ("LIST", "list 0"), ("LIST 3", "list 3"), ("UIDL", "uidl 0"), ("uidl 2147483647", "uidl 2147483647"),
        ("RETR 1", "retr 1"), ("RETR 007", "retr 7"), ("TOP 1 0", "top 1 0"), ("TOP 12 10", "top 12 10"),
        ("DELE 9", "dele 9"),
        ("STAT ", "stat"), ("LIST ", "list 0"), ("RETR  1 ", "retr 1"),
        ("USER alice@local.test", "user alice@local.test"), ("PASS open sesame ", "pass open sesame "),
        ("PASS  two", "pass  two"), ("pass \u{e9}", "pass \u{e9}"),
        ("AUTH PLAIN", "auth PLAIN -"), ("AUTH plain =", "auth plain ="),
        ("AUTH PLAIN AGEAYg==", "auth PLAIN AGEAYg=="),
        ("GET / HTTP/1.1", "http"), ("POST /x HTTP/1.1", "http"),
    ])
    func `a command is read`(_ line: String, _ command: String) { #expect(read(line) == command) }

    @Test(arguments: [
        "RETR", "RETR 0", "RETR -1", "RETR +1", "RETR x", "RETR 1 2", "RETR 2147483648", "RETR 99999999999999999999",
        "RETR 1\0", "RETR 1\r", "DELE", "DELE 0", "TOP 1", "TOP 1 -1", "TOP 1 4294967296", "TOP 0 1", "TOP 1 1 1",
        "LIST 0", "LIST 1 2", "UIDL x", "STAT 1", "NOOP x", "QUIT now", "STLS x", "CAPA x", "RSET 1", "USER", "USER ",
        "USER a\u{7f}b", "PASS", "PASS ", "AUTH", "AUTH ", "AUTH PLAIN a b", "STAT\nSTAT",
    ])
    func `arguments that RFC 1939 does not know are refused`(_ line: String) {
        #expect(read(line) == "\(line.contains("STAT\n") ? POP3SyntaxError.unknownCommand : .arguments)")
    }

    @Test(arguments: ["", " ", " STAT", "X", "LAST", "APOP a b", "XTND XMIT", "STATUS", "\u{80}", "stat\t"])
    func `a word that is no command`(_ line: String) { #expect(read(line) == "unknownCommand") }

    @Test func `the longest line depends on the command`() {
        func line(_ start: String, _ count: Int) -> [UInt8] {
            Array(start.utf8) + [UInt8](repeating: 0x61, count: count - start.utf8.count - 2)
        }
        #expect(read(line("USER ", 255)).hasPrefix("user "))
        #expect(read(line("USER ", 256)) == "tooLong")
        #expect(read(line("FOO ", 256)) == "tooLong")
        #expect(read(line("PASS ", 1031)).hasPrefix("pass "))
        #expect(read(line("PASS ", 1032)) == "tooLong")
        #expect(read(line("AUTH PLAIN ", 12_288)).hasPrefix("auth PLAIN "))
        #expect(read(line("AUTH PLAIN ", 12_289)) == "tooLong")
    }

    @Test func `a password prints as no more than a secret`() throws {
        for line in ["PASS sesame", "AUTH PLAIN c2VzYW1l"] {
            let command = try POP3Command(Array(line.utf8))
            #expect(!"\(command)".contains("sesame") && !"\(command)".contains("c2VzYW1l"))
            var dumped = ""
            dump(command, to: &dumped)
            #expect(!dumped.contains("115"))  // the letter s
        }
    }

    /// RFC 1939 has no byte that may end the process.
    @Test func `any two bytes behind any command are answered`() {
        for start in ["RETR ", "TOP 1 ", "LIST ", "USER ", "PASS ", "AUTH ", ""] {
            for first in UInt8.min...UInt8.max {
                for second: UInt8 in [0, 9, 10, 13, 32, 46, 48, 57, 127, 128, 255] {
                    #expect(!read(Array(start.utf8) + [first, second]).isEmpty)
                }
            }
        }
    }
}
