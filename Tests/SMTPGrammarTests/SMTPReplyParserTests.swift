import SMTPGrammar
import Testing

@Suite struct SMTPReplyParserTests {
    /// Feeds the bytes in pieces of the given size; the replies, or the error that ended it.
    private static func parse(_ bytes: [UInt8], cut: Int) -> ([SMTPRemoteReply], SMTPReplyError?) {
        var parser = SMTPReplyParser()
        var replies: [SMTPRemoteReply] = []
        for start in stride(from: 0, to: bytes.count, by: cut) {
            var rest = bytes[start..<min(start + cut, bytes.count)]
            while !rest.isEmpty {
                do {
                    let (reply, taken) = try rest.withUnsafeBytes { try parser.next($0) }
                    if let reply { replies.append(reply) }
                    rest = rest.dropFirst(taken)
                } catch {
                    return (replies, error as? SMTPReplyError)
                }
            }
        }
        return (replies, nil)
    }

    private static func parse(_ text: String, cut: Int = 4096) -> ([SMTPRemoteReply], SMTPReplyError?) {
        parse(Array(text.utf8), cut: cut)
    }

    @Test(arguments: [1, 2, 3, 7, 4096])
    func readsRepliesHoweverTheyAreCut(cut: Int) {
        let (replies, error) = Self.parse(
            "220 mx ESMTP\r\n250-mx\r\n250-SIZE 10\r\n250 HELP\r\n354\r\n221 \r\n", cut: cut)
        #expect(error == nil)
        #expect(replies.map(\.code) == [220, 250, 354, 221])
        #expect(
            replies.map { $0.lines.map { String(decoding: $0, as: UTF8.self) } } == [
                ["mx ESMTP"], ["mx", "SIZE 10", "HELP"], [""], [""],
            ])
    }

    @Test func takesABareLineFeedAsTheEndOfALine() {
        #expect(
            Self.parse("250-a\n250 b\n").0 == [SMTPRemoteReply(code: 250, lines: [Array("a".utf8), Array("b".utf8)])])
    }

    @Test(arguments: [
        ("25\r\n", SMTPReplyError.malformed), ("\r\n", .malformed), ("2x0 a\r\n", .malformed),
        ("250_a\r\n", .malformed),
        ("199 a\r\n", .malformed), ("600 a\r\n", .malformed), ("999 a\r\n", .malformed), ("-25 a\r\n", .malformed),
        ("HTTP/1.1 400 Bad Request\r\n", .malformed), ("+OK ready\r\n", .malformed), (" 250 a\r\n", .malformed),
        ("250-a\r\n251 b\r\n", .mixedCodes), ("250-a\r\n550-b\r\n", .mixedCodes),
    ])
    func refusesWhatIsNoReply(text: String, expected: SMTPReplyError) {
        for cut in [1, 4096] { #expect(Self.parse(text, cut: cut).1 == expected) }
    }

    @Test(arguments: [1, 1000, 16_384])
    func holdsNoEndlessLine(cut: Int) {
        #expect(Self.parse("220 " + String(repeating: "A", count: 100_000), cut: cut).1 == .lineTooLong)
    }

    @Test func holdsNoEndlessReply() {
        #expect(Self.parse(String(repeating: "250-x\r\n", count: 100_000)).1 == .tooManyLines)
        let long = "250-" + String(repeating: "x", count: 1500) + "\r\n"
        #expect(Self.parse(String(repeating: long, count: 100)).1 == .tooLong)
    }

    @Test func staysInErrorAfterAnError() {
        var parser = SMTPReplyParser()
        #expect(throws: SMTPReplyError.malformed) {
            try Array("nonsense\r\n".utf8).withUnsafeBytes { _ = try parser.next($0) }
        }
        #expect(throws: SMTPReplyError.malformed) {
            try Array("250 ok\r\n".utf8).withUnsafeBytes { _ = try parser.next($0) }
        }
    }

    @Test func survivesAnyBytes() {
        var randomness = SystemRandomNumberGenerator()
        let alphabet: [UInt8] = Array("25 -\r\n0x\0".utf8) + [0xFF]
        for _ in 0..<2000 {
            let bytes = (0..<40).map { _ in alphabet.randomElement(using: &randomness) ?? 0 }
            let whole = Self.parse(bytes, cut: 4096)
            let single = Self.parse(bytes, cut: 1)
            #expect(whole.0 == single.0 && whole.1 == single.1, "\(bytes)")
        }
    }

    @Test(arguments: [
        ("550 5.1.1 No such user", "5.1.1"), ("550 No such user", "5.0.0"), ("450 5.1.1 x", "4.0.0"),
        ("250 2.1.5 ok", "2.1.5"), ("451 4.7.1", "4.7.1"), ("550 5.1", "5.0.0"), ("550 5.1.1000 x", "5.0.0"),
        ("550 5..1 x", "5.0.0"), ("354 3.0.0 go", "3.0.0"), ("550 ", "5.0.0"),
    ])
    func tellsTheEnhancedStatusCode(line: String, status: String) throws {
        #expect(try #require(Self.parse(line + "\r\n").0.first).status == status)
    }
}

@Suite struct SMTPServerOfferTests {
    private static func offer(_ lines: String...) -> SMTPServerOffer {
        SMTPServerOffer(SMTPRemoteReply(code: 250, lines: lines.map { Array($0.utf8) }))
    }

    @Test func readsKeywordsInAnyCase() {
        let offer = Self.offer(
            "MX.Remote.test at your service", "pipelining", "8bitmime", "Size 1000", "STARTTLS", "DSN")
        #expect(offer.name == "mx.remote.test")
        #expect(offer.pipelining && offer.eightBitMIME && offer.size && offer.startTLS)
        #expect(offer.maximumSize == 1000)
    }

    @Test(arguments: ["SIZE", "SIZE 0", "SIZE x", "SIZE -1", "SIZE 99999999999999999999"])
    func takesAnOddSizeAsNoMaximum(line: String) {
        let offer = Self.offer("mx", line)
        #expect(offer.size && offer.maximumSize == nil)
    }

    @Test func takesNoKeywordFromTheFirstLine() {
        #expect(!Self.offer("STARTTLS").startTLS)
        #expect(!Self.offer("mx", "XSTARTTLS", "").startTLS)
    }
}

@Suite struct SMTPClientCommandTests {
    @Test(arguments: [
        (SMTPClientCommand.ehlo("mx.example.test"), "EHLO mx.example.test"),
        (.mail(from: "", size: nil, eightBit: false), "MAIL FROM:<>"),
        (.mail(from: "a@b.test", size: 10, eightBit: true), "MAIL FROM:<a@b.test> SIZE=10 BODY=8BITMIME"),
        (.recipient("\"a b\"@c.test"), "RCPT TO:<\"a b\"@c.test>"), (.data, "DATA"), (.quit, "QUIT"),
    ])
    func writesCommands(command: SMTPClientCommand, line: String) {
        #expect(command.bytes == Array("\(line)\r\n".utf8))
    }

    @Test(arguments: [
        "a@b.test\r\nRCPT TO:<c@d.test>", "a@b.test> SIZE=1", "a@b.test\n", "a\0@b.test", "a b@c.test",
        "@x.test:a@b.test",
        "jos\u{E9}@b.test", "", "a", "a@", "@b", "<a@b.test>", "a@b..test",
        String(repeating: "x", count: 65) + "@b.test",
    ])
    func refusesWhatWouldBeMoreThanAnAddress(address: String) {
        #expect(SMTPClientCommand.recipient(address).bytes == nil)
    }

    @Test func refusesAnOwnNameThatIsNone() {
        #expect(SMTPClientCommand.ehlo("a\r\nMAIL").bytes == nil)
        #expect(SMTPClientCommand.helo("").bytes == nil)
    }
}

@Suite struct SMTPContentCheckTests {
    /// In one piece and byte by byte.
    private static func accepts(_ text: String) -> [Bool] {
        [text.utf8.count, 1].map { cut in
            var check = SMTPContentCheck()
            let bytes = Array(text.utf8)
            var isClean = true
            for start in stride(from: 0, to: bytes.count, by: max(1, cut)) {
                isClean = bytes[start..<min(start + cut, bytes.count)].withUnsafeBytes { check.accepts($0) } && isClean
            }
            return isClean && check.isComplete
        }
    }

    @Test(arguments: ["", "a", "a\r\nb\r\n", "\r\n\r\n", ".\r\n"])
    func acceptsWholeLineEnds(text: String) { #expect(Self.accepts(text) == [true, true]) }

    @Test(arguments: ["a\nb", "\n", "a\rb", "\r", "a\r\r\n", "a\r\n\n", "a\n.\n", "\n\r"])
    func findsLoneOnes(text: String) { #expect(Self.accepts(text) == [false, false]) }
}
