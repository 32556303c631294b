import MailRules
import MessageGrammar
import Testing

@Suite("Deterministic rules")
struct MailRulesTests {
    static let gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

    private func broken(_ text: String, beginning: Int = .max) -> [MailRule] {
        let bytes = Array(text.utf8)
        var scanner = MessageScanner()
        bytes.withUnsafeBytes { scanner.feed($0) }
        return MailRules.check(scanner.finish(), beginning: Array(bytes.prefix(beginning)))
    }

    @Test("the test pattern is found in plain, quoted-printable and base64 text")
    func testPattern() {
        #expect(broken("Subject: x\r\n\r\nhello\r\n\(Self.gtube)\r\n") == [.testPattern])
        let quoted = Self.gtube.replacing("*", with: "=2A")
        #expect(broken("Content-Transfer-Encoding: quoted-printable\r\n\r\n\(quoted)\r\n") == [.testPattern])
        let base64 = "WEpTKkM0SkRCUUFETjEuTlNCTjMqMklETkVOKkdUVUJFLVNUQU5EQVJELUFOVEktVUJFLVRFU1QtRU1BSUwqQy4zNFg="
        #expect(broken("Content-Transfer-Encoding: base64\r\n\r\n\(base64)\r\n") == [.testPattern])
    }

    @Test("almost the pattern, or the pattern out of sight, is not it")
    func near() {
        #expect(broken("Subject: x\r\n\r\n\(Self.gtube.dropLast())\r\n") == [])
        #expect(broken("Subject: \(Self.gtube)\r\n\r\nhello\r\n") == [])
        #expect(broken("\r\n\(Self.gtube)\r\n", beginning: 20) == [])
        #expect(broken("") == [])
        #expect(!MailRules.holdsTestPattern([]))
        #expect(MailRules.holdsTestPattern(Array("XXJSXJS*\(Self.gtube)X".utf8)))
    }

    @Test(
        "a program that carries a document's name",
        arguments: [
            ("invoice.pdf.exe", true), ("invoice.pdf      .exe", true), ("invoice.pdf.application", true),
            ("invoice.pdf\(String(repeating: " ", count: 300)).exe", true),
            ("invoice.pdf.exe\(String(repeating: " ", count: 300))", true), ("photo.jpg.scr", true),
            ("setup.exe", false), ("invoice.pdf", false), ("report.v2.js", false), ("", false), (".", false),
            ("..exe", false),
        ])
    func disguise(_ name: String, _ expected: Bool) {
        #expect(MailRules.isDisguisedProgram(name) == expected)
        let mail = """
            Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r
            Content-Type: application/octet-stream; name="\(name.uppercased())"\r\n\r\nMZ\r\n--b--\r\n
            """
        #expect(broken(mail) == (expected ? [.disguisedProgram] : []))
    }
}
