import MailWire
import Testing

/// Feeds `text` cut at the given places; gives body, consumed bytes and flaw.
private func run(_ bytes: [UInt8], cuts: [Int] = []) -> (body: [UInt8], consumed: Int, ended: Bool, bad: Bool) {
    var framer = DataFramer()
    var body: [UInt8] = []
    var consumed = 0
    var start = 0
    for end in cuts + [bytes.count] {
        let progress = bytes[start..<end].withUnsafeBytes { framer.feed($0, into: &body) }
        consumed += progress.consumed
        if progress.isEnded { break }
        start = end
    }
    #expect(framer.length == body.count)
    return (body, consumed, framer.isEnded, framer.isBad)
}

/// The rules of RFC 5321 4.1.1.4 and 4.5.2 in the plainest way: split at CRLF, look at the dots.
private func reference(_ bytes: [UInt8]) -> (body: [UInt8], consumed: Int, bad: Bool)? {
    var body: [UInt8] = []
    var bad = false
    var position = 0
    while let end = (position..<max(position, bytes.count - 1)).first(where: { bytes[$0] == 13 && bytes[$0 + 1] == 10 })
    {
        var line = bytes[position..<end]
        position = end + 2
        if line.elementsEqual([46]) { return (body, position, bad) }
        if line.first == 46 { line.removeFirst() }
        bad = bad || line.contains(13) || line.contains(10)
        body += line + [13, 10]
    }
    return nil
}

@Suite struct DataFramerTests {
    @Test(arguments: [
        (".\r\n", ""),
        ("\r\n.\r\n", "\r\n"),
        ("hello\r\n.\r\n", "hello\r\n"),
        ("..\r\n.\r\n", ".\r\n"),
        ("...x\r\n.\r\n", "..x\r\n"),
        (".\t\r\n.\r\n", "\t\r\n"),
        (".x\r\n..y\r\n.\r\n", "x\r\n.y\r\n"),
        ("From x\r\n\r\n.\r\n", "From x\r\n\r\n"),
        ("a\0\u{80}\r\n.\r\n", "a\0\u{80}\r\n"),
    ])
    func unstuffsDotsAndEnds(input: String, body: String) {
        let result = run(Array(input.utf8))
        #expect(result.body == Array(body.utf8))
        #expect(result.ended && !result.bad)
        #expect(result.consumed == input.utf8.count)
    }

    @Test(arguments: [
        "x\n.\n", "x\n.\r\n", "x\r.\r", "x\r\n.\n", "x\r\n.\r", "x\r.\r\n", "x\n\n.\r\n", "\n.\n", "x\r\n.\r.\r\n",
    ])
    func smuggledEndIsNoEnd(fake: String) {
        let attack = "MAIL FROM:<m@evil.test>\r\nRCPT TO:<bob@local.test>\r\nDATA\r\nS: smug\r\n\r\ny"
        let result = run(Array((fake + attack + "\r\n.\r\nQUIT\r\n").utf8))
        #expect(result.bad)
        #expect(result.ended)
        #expect(result.consumed == (fake + attack + "\r\n.\r\n").utf8.count, "only the true end ends it")
    }

    @Test func commandsAfterTheDotStay() {
        let result = run(Array("a\r\n.\r\nMAIL FROM:<>\r\n".utf8))
        #expect(result.consumed == 6)
        #expect(result.body == Array("a\r\n".utf8))
    }

    @Test func namesTheFirstFlaw() {
        var framer = DataFramer()
        var body: [UInt8] = []
        _ = Array("a\nb\rc\r\n.\r\n".utf8).withUnsafeBytes { framer.feed($0, into: &body) }
        #expect(framer.flaw == .bareLineFeed)
        #expect(body == Array("a".utf8))
    }

    @Test func everySplitGivesTheSame() {
        let inputs = [
            "a\r\n..b\r\n.\r\nX", ".\r\n", "..\r\n.\r\n", "x\r\n.\r.\r\n.\r\nY", "x\ny\r\n.\r\n", "\r\r\n.\r\n",
            "a\rb\r\n.\r\n",
        ]
        for input in inputs {
            let bytes = Array(input.utf8)
            let whole = run(bytes)
            for first in 0...bytes.count {
                for second in first...bytes.count {
                    let cut = run(bytes, cuts: [first, second])
                    #expect(cut == whole, "\(input.debugDescription) at \(first), \(second)")
                }
            }
            #expect(run(bytes, cuts: Array(0..<bytes.count)) == whole)
        }
    }

    /// All strings over the bytes that matter, against the plain reference.
    @Test func agreesWithTheReferenceOnAllShortInputs() {
        let alphabet: [UInt8] = [13, 10, 46, 97]
        for length in 1...8 {
            var digits = [Int](repeating: 0, count: length)
            while true {
                let bytes = digits.map { alphabet[$0] }
                let result = run(bytes)
                if let expected = reference(bytes) {
                    guard result.ended, result.consumed == expected.consumed, result.bad == expected.bad,
                        expected.bad || result.body == expected.body
                    else {
                        Issue.record("\(bytes)")
                        return
                    }
                } else if result.ended {
                    Issue.record("ends without a true end: \(bytes)")
                    return
                }
                guard let place = digits.lastIndex(where: { $0 < alphabet.count - 1 }) else { break }
                digits[place] += 1
                for later in digits.indices where later > place { digits[later] = 0 }
            }
        }
    }

    @Test func dotLinesAtEveryBufferEdge() {
        for pad in 0...9 {
            for line in [".", "..", "...x", ".\t"] {
                let stuffed = String(repeating: "p", count: pad) + "\r\n." + line + "\r\n.\r\n"
                let bytes = Array(stuffed.utf8)
                for size in 1...8 {
                    let result = run(bytes, cuts: Array(stride(from: size, to: bytes.count, by: size)))
                    let expected = Array((String(repeating: "p", count: pad) + "\r\n" + line + "\r\n").utf8)
                    #expect(result.body == expected && result.ended && !result.bad)
                }
            }
        }
    }

    @Test func stuffingRoundTrips() {
        for body in ["", "a\r\n", ".\r\n", "..\r\n.\r\n", "a\r\n.b\r\n", "\r\n.\r\n.\r\n"] {
            var stuffing = DotStuffing()
            var wire: [UInt8] = []
            for byte in body.utf8 { [byte].withUnsafeBytes { stuffing.encode($0, into: &wire) } }
            stuffing.end(into: &wire)
            let result = run(wire)
            #expect(result.body == Array(body.utf8) && result.consumed == wire.count && !result.bad)
        }
    }
}
