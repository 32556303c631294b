import Foundation
import MessageGrammar
import Testing

/// Messages of other people's test sets (see `Samples/README.md`), as found and with CRLF line ends.
@Suite struct SampleTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Samples")

    @Test(arguments: [
        ("bad-newlines-multiple-parts.msg", "mixed[text/plain]", "Text body"),
        (
            "boundary-name-clash.msg", "mixed[alternative[text/plain, text/html], application/pdf]",
            "Please see attachment for report"
        ),
        ("delimiter-after-space-line.eml", "mixed[text/html, image/jpeg]", "Hello world"),
        ("intermediate-boundaries.msg", "mixed[text/plain, text/plain]", "first part"),
        (
            "lhost-postfix-01.eml", "report[text/plain, message/delivery-status, rfc822{text/plain}]",
            "This is the mail system at host"
        ),
        ("malformedHeaderStartsBody-nocrlfcrlf.msg", "text/plain", "Body text"),
        ("multipartdigestnestedemptyparts.msg", "digest[rfc822{mixed[text/plain]}]", ""),
        ("russian-headers.msg", "text/plain", ""),
    ])
    func structureAndPreview(file: String, structure: String, preview: String) throws {
        let bytes = Array(try Data(contentsOf: Self.folder.appending(path: file)))
        let crlf = bytes.reduce(into: [UInt8]()) { output, byte in
            if byte == 0x0A, output.last != 0x0D { output.append(0x0D) }
            output.append(byte)
        }
        for variant in [bytes, crlf] {
            let summary = scan(variant)
            #expect(shape(summary.structure) == structure)
            #expect(summary.preview.hasPrefix(preview))
            checkRanges(summary.structure, within: 0..<variant.count)
        }
    }

    @Test func fileNameAndDescriptionInAnotherScript() throws {
        let bytes = Array(try Data(contentsOf: Self.folder.appending(path: "russian-headers.msg")))
        #expect(scan(bytes).structure.fileName?.isEmpty == false)
    }
}
