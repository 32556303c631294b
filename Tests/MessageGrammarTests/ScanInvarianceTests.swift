import MessageGrammar
import Testing

/// However the bytes are cut, the summary is the same.
@Suite struct ScanInvarianceTests {
    static let small = [
        mail(
            "Content-Type: multipart/mixed; boundary=b", "", "p", "--b", "", "one", "--b-", "--b ", "A: b", "", "",
            "--b--", "e"),
        mail("Content-Type: multipart/digest; boundary=\"-\"", "", "---", "", "S: x", "", "y", "-----"),
        "A: b\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\na\r\r\n--x--",
        "Subject: a\r\n b\r\n\r\r\n\r\n-\r\n--\r\n",
        "\r\n\r", "\r", "-", "--", "text\r\n--\r\n", "Received: x\r\n y\r\ntext\r\n\r\n", "--x\r\nA: b", "A: b\r\ntext",
        "Content-Type: multipart/mixed; boundary=b\r\n--b\r\n--b\r\n--c: d\r\n--c\r\n--b--",
    ]

    @Test(arguments: small)
    func everyPairOfCuts(text: String) {
        let bytes = Array(text.utf8)
        let whole = scan(bytes)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                guard scan(bytes, cuts: [first, second]) == whole else {
                    Issue.record("differs at \(first), \(second)")
                    return
                }
            }
        }
        #expect(scan(bytes, cuts: Array(0..<bytes.count)) == whole)
    }

    @Test func randomMailAndRandomCuts() {
        var random = SeededGenerator(seed: 5)
        let lines = [
            "--b", "--b--", "--c", "--c--", "", "", "x", "Content-Type: multipart/mixed; boundary=c",
            "Content-Type: message/rfc822",
            "Received: x", "odd: field", "Content-Transfer-Encoding: base64", "Zm9v", "Zg==", " folded", "-", "--",
            "Subject: s",
            String(repeating: "-", count: 1_100), "--b" + String(repeating: " ", count: 1_030),
            String(repeating: "A: long ", count: 200),
        ]
        let endings = ["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"]
        for _ in 0..<2_000 {
            let type =
                ["multipart/mixed; boundary=b\r\n\r\n", "multipart/digest; boundary=b\r\n\r\n"].randomElement(
                    using: &random) ?? ""
            var text = Bool.random(using: &random) ? "" : "Content-Type: \(type)"
            for _ in 0..<Int.random(in: 0..<24, using: &random) {
                text += (lines.randomElement(using: &random) ?? "") + (endings.randomElement(using: &random) ?? "")
            }
            let bytes = Array(text.utf8)
            let whole = scan(bytes)
            var cuts = (0..<Int.random(in: 1..<12, using: &random)).map { _ in
                Int.random(in: 0...bytes.count, using: &random)
            }
            cuts.sort()
            guard scan(bytes, cuts: cuts) == whole, scan(bytes, cuts: Array(0..<bytes.count)) == whole else {
                Issue.record("differs: \(text.debugDescription) \(cuts)")
                return
            }
            checkRanges(whole.structure, within: 0..<bytes.count)
            #expect((try? MessageSummary(decoding: whole.encoded())) == whole)
        }
    }
}

/// Every range lies within its parent's body, in order.
func checkRanges(_ part: BodyPart, within outer: Range<Int>) {
    #expect(part.headerOffset >= outer.lowerBound && part.headerLength >= 0 && part.bodyLength >= 0)
    #expect(part.bodyRange.upperBound <= outer.upperBound)
    #expect(part.lines >= 0 && part.lines <= part.bodyLength)
    var last = part.bodyOffset
    for child in part.children + (part.enclosed.map { [$0.structure] } ?? []) {
        #expect(child.headerOffset >= last)
        checkRanges(child, within: part.bodyRange)
        last = child.bodyRange.upperBound
    }
}
