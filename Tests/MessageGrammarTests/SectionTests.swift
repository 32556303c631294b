import MessageGrammar
import Testing

/// The example of RFC 3501 6.4.5: parts 1 and 2 are leaves, 3 a message with two, 4 a multipart of an image and a
/// message
/// whose second part is an alternative.
@Suite struct SectionTests {
    static let text = mail(
        "Content-Type: multipart/mixed; boundary=a", "", "--a", "", "p1", "--a",
        "Content-Type: application/octet-stream", "", "p2", "--a",
        "Content-Type: message/rfc822", "", "Subject: three", "Content-Type: multipart/mixed; boundary=b", "", "--b",
        "", "p3.1", "--b",
        "Content-Type: application/octet-stream", "", "p3.2", "--b--", "--a",
        "Content-Type: multipart/mixed; boundary=c", "", "--c",
        "Content-Type: image/gif", "", "p4.1", "--c", "Content-Type: message/rfc822", "", "Subject: four",
        "Content-Type: multipart/mixed; boundary=d", "", "--d", "", "p4.2.1", "--d",
        "Content-Type: multipart/alternative; boundary=e", "",
        "--e", "", "p4.2.2.1", "--e", "Content-Type: text/richtext", "", "p4.2.2.2", "--e--", "--d--", "--c--", "--a--")
    let bytes = Array(Self.text.utf8)
    let summary = scan(Self.text)

    @Test(arguments: [
        ([1], "p1"), ([2], "p2"), ([3, 1], "p3.1"), ([3, 2], "p3.2"), ([4, 1], "p4.1"), ([4, 2, 1], "p4.2.1"),
        ([4, 2, 2, 1], "p4.2.2.1"), ([4, 2, 2, 2], "p4.2.2.2"),
    ])
    func numbersName(path: [Int], content: String) {
        #expect(summary.contentRange(at: path).map { String(decoding: bytes[$0], as: UTF8.self) } == content)
    }

    @Test(arguments: [[5], [0], [1, 1], [3, 3], [4, 2, 2, 3], [-1], [Int.max], [3, 1, 1]])
    func otherNumbersNameNothing(path: [Int]) {
        #expect(summary.part(at: path) == nil)
    }

    @Test func headerTextAndMime() {
        func text(_ range: Range<Int>?) -> String? { range.map { String(decoding: bytes[$0], as: UTF8.self) } }
        #expect(text(summary.headerRange(at: [])) == "Content-Type: multipart/mixed; boundary=a\r\n\r\n")
        #expect(text(summary.textRange(at: []))?.hasPrefix("--a\r\n") == true)
        #expect(
            text(summary.headerRange(at: [3])) == "Subject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n")
        #expect(text(summary.textRange(at: [3]))?.hasSuffix("--b--") == true)
        #expect(text(summary.headerRange(at: [4, 2]))?.hasPrefix("Subject: four") == true)
        #expect(text(summary.mimeHeaderRange(at: [4, 2])) == "Content-Type: message/rfc822\r\n\r\n")
        #expect(
            text(summary.mimeHeaderRange(at: [4, 2, 2])) == "Content-Type: multipart/alternative; boundary=e\r\n\r\n")
        #expect(summary.headerRange(at: [1]) == nil && summary.textRange(at: [4]) == nil)
        #expect(summary.contentRange(at: []) == 0..<bytes.count)
    }

    @Test func aMailWithoutPartsIsItsOwnPartOne() {
        let plain = scan("Subject: x\r\n\r\nbody")
        #expect(plain.contentRange(at: [1]) == 14..<18)
        #expect(plain.part(at: [1, 1]) == nil)
        let nested = scan(mail("Content-Type: message/rfc822", "", "Subject: y", "", "inner"))
        #expect(nested.part(at: [1])?.enclosed != nil)
        #expect(nested.contentRange(at: [1, 1])?.count == 7)
        #expect(nested.part(at: [1, 2]) == nil)
    }
}
