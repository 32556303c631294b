import IMAPGrammar
import Testing

@Suite("IMAPCommandFramer")
struct FramerTests {
    static let conversations: [String] = [
        "a NOOP\r\nb CAPABILITY\r\n",
        "a LOGIN {5}\r\nalice {6}\r\nse\r\nct\r\n",
        "a LOGIN {5+}\r\nalice {0+}\r\n\r\nb NOOP\r\n",
        "a LOGIN \"{5}\" \"x\\\"{3}\"\r\nb NOOP\r\n",
        "a SEARCH BODY {3}\r\n\r\n\r FROM {2+}\r\n\"{\r\n",
        "a APPEND INBOX {4}\r\n\r\n\r\n\r\nb NOOP\r\n",
        "a append {5}\r\nINBOX (\\Seen) {3+}\r\n{1}\r\nb NOOP\r\n",
        "a APPEND INBOX {2}\r\nab {3}\r\nb NOOP\r\n",
        "a APPEND INBOX {2}\r\nab {3+}\r\nabcb NOOP\r\n",
        "a NOOP\nb NOOP\r\n\r\n\n\r\n",
        "a X {-1}\r\nb X {4294967296}\r\nc X {18446744073709551616}\r\nd X {}\r\ne X }\r\nf X ~{1}\r\nx\r\n",
        "a X {-1+}\r\nb NOOP\r\n",
        "a X \"open {3+}\r\nabc\r\n",
        "a X \"open {3}\r\nb NOOP\r\n",
        "a X {99999999999+}\r\nb NOOP\r\n",
        "a APPEND INBOX {99999999}\r\nb APPEND INBOX {99999999+}\r\nc NOOP\r\n",
        "} \r\n{5}\r\nabcde\r\n\r\n{\r\n",
    ]

    @Test("any split of the bytes gives the same outcomes", arguments: conversations)
    func chunkInvariance(wire: String) {
        let bytes = Array(wire.utf8)
        let whole = Transcript(bytes)
        #expect(Transcript(bytes, pieces: Array(repeating: 1, count: bytes.count)) == whole)
        for first in 1..<bytes.count {
            #expect(Transcript(bytes, pieces: [first]) == whole)
            for second in stride(from: 1, to: bytes.count - first, by: 3) {
                #expect(Transcript(bytes, pieces: [first, second]) == whole)
            }
        }
    }

    @Test("finds pipelined commands and keeps literals in place")
    func commands() {
        #expect(
            Transcript(Array(Self.conversations[0].utf8)).events == ["command a NOOP", "command b CAPABILITY", "start"])
        #expect(
            Transcript(Array(Self.conversations[1].utf8)).events
                == ["+", "+", "command a LOGIN {5}\r\nalice {6}\r\nse\r\nct", "start"])
        #expect(
            Transcript(Array(Self.conversations[2].utf8)).events
                == ["command a LOGIN {5+}\r\nalice {0+}\r\n", "command b NOOP", "start"])
    }

    @Test("a brace inside a quoted string announces nothing")
    func quotedBrace() {
        #expect(
            Transcript(Array("a LOGIN \"x\" \"\\\"{3}\"\r\nb NOOP\r\n".utf8)).events
                == ["command a LOGIN \"x\" \"\\\"{3}\"", "command b NOOP", "start"])
        #expect(
            Transcript(Array("a X \"open {3+}\r\nabc\r\n".utf8)).events
                == ["a BAD Invalid literal close", "middle"])
    }

    @Test("hands over the message of APPEND, not its mailbox name")
    func append() {
        #expect(
            Transcript(Array(Self.conversations[6].utf8)).events
                == ["+", "append a append {5}\r\nINBOX (\\Seen) 3 false", "append end", "command b NOOP", "start"])
        #expect(
            Transcript(Array(Self.conversations[7].utf8)).events
                == [
                    "append a APPEND INBOX 2 true",
                    "a BAD Expected the end of the line after the message", "command b NOOP", "start",
                ])
    }

    @Test("a refused message leaves the framer at a new command")
    func refuse() {
        var framer = IMAPCommandFramer(limits: .afterLogin(message: 100))
        let bytes = Array("a APPEND nowhere {9}\r\nb NOOP\r\n".utf8)
        let (consumed, _) = framer.feed(bytes)
        framer.refuseMessage()
        #expect(framer.feed(bytes, from: consumed).outcome == .command(IMAPFrame(bytes: Array("b NOOP".utf8))))
    }

    @Test("takes no byte beyond the outcome")
    func consumedIsExact() {
        var framer = IMAPCommandFramer()
        #expect(framer.feed(Array("a STARTTLS\r\nb LOGIN alice pw\r\n".utf8)).consumed == 12)
        #expect(framer.isAtStart)
    }

    @Test("a bare LF or CR does not end a line")
    func bareLineFeed() {
        #expect(Transcript(Array("a NOOP\nb\r c\r\n".utf8)).events == ["command a NOOP\nb\r c", "start"])
        #expect(Transcript(Array("a NOOP\n".utf8)).events == ["middle"])
    }

    @Test(
        "literals above the limit: tagged BAD and the session goes on, or close when the bytes are coming",
        arguments: [
            ("a LOGIN {2147483647}", "a BAD [TOOBIG] Literal too large"),
            ("a LOGIN {4294967296}", "a BAD [TOOBIG] Literal too large"),
            ("a LOGIN {18446744073709551616}", "a BAD [TOOBIG] Literal too large"),
            ("a LOGIN {8193}", "a BAD [TOOBIG] Literal too large"),
            ("a LOGIN {-1}", "a BAD Invalid literal"),
            ("a LOGIN {1000000000+}", "a BAD Literal too large close"),
            ("a LOGIN {-1+}", "a BAD Invalid literal close"),
            ("a APPEND INBOX {9000+}", "a BAD Literal too large close"),
        ])
    func literalLimitsBeforeLogin(line: String, answer: String) {
        let transcript = Transcript(Array("\(line)\r\nb NOOP\r\n".utf8), limits: .beforeLogin)
        #expect(transcript.events.first == answer)
        #expect(transcript.events.contains("command b NOOP") == !answer.hasSuffix("close"))
    }

    @Test("literals are limited together, not one by one")
    func literalTotal() {
        let wire = "a LOGIN {5000+}\r\n" + String(repeating: "x", count: 5000) + " {5000}\r\n"
        #expect(
            Transcript(Array(wire.utf8), limits: .beforeLogin).events == ["a BAD [TOOBIG] Literal too large", "start"])
        let many = "a X" + String(repeating: " {0+}\r\n", count: 2000) + "\r\n"
        #expect(Transcript(Array(many.utf8)).events.first == "a BAD Literal too large close")
    }

    @Test("a line above the limit is answered BAD and closes, however it is cut", arguments: [1, 7, 4096, 1_000_000])
    func longLine(piece: Int) {
        for text in [
            "a " + String(repeating: "(", count: 1_000_000), "a ID (" + String(repeating: "\"x\" NIL ", count: 100_000),
        ] {
            let bytes = Array(text.utf8.prefix(200_000))
            let pieces = Array(repeating: piece, count: bytes.count / piece + 1)
            let events = Transcript(bytes, limits: .beforeLogin, pieces: pieces).events
            #expect(events == ["a BAD Line too long close", "middle"])
        }
    }

    @Test("exactly the limit is accepted")
    func lineAtLimit() {
        let limits = IMAPCommandFramer.Limits(text: 10, literal: 0, literalTotal: 0, message: nil)
        #expect(Transcript(Array("a 345678\r\n".utf8), limits: limits).events == ["command a 345678", "start"])
        #expect(
            Transcript(Array("a 3456789\r\n".utf8), limits: limits).events == ["a BAD Line too long close", "middle"])
    }

    @Test("random bytes never trap and are split-invariant", arguments: 0..<200)
    func randomBytes(seed: UInt64) {
        var random = Random(state: seed)
        let pieces = ["a ", "{3}", "{2+}", "\r\n", "\r", "\n", "\"", "\\", "APPEND ", "x", "(", "}", "{", " ", "\u{0}"]
        var bytes: [UInt8] = []
        for _ in 0..<60 { bytes += Array((pieces.randomElement(using: &random) ?? "").utf8) }
        let limits = IMAPCommandFramer.Limits(text: 80, literal: 16, literalTotal: 32, message: 10)
        let whole = Transcript(bytes, limits: limits)
        let sizes = (0..<bytes.count).map { _ in Int.random(in: 1...9, using: &random) }
        #expect(Transcript(bytes, limits: limits, pieces: sizes) == whole)
    }
}
