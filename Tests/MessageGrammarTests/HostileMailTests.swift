import MessageGrammar
import Testing

/// Mail made to exhaust a parser. The bodies are kept by others; here only the summary must stay small and true.
@Suite struct HostileMailTests {
    @Test(arguments: [10_000, 50_000])
    func multipartNestedVeryDeep(depth: Int) {
        var text: [UInt8] = []
        for level in 0..<depth {
            if level > 0 { text += Array("--\(level - 1)\r\n".utf8) }
            text += Array("Content-Type: multipart/mixed; boundary=\(level)\r\n\r\n".utf8)
        }
        let summary = scan(text)
        #expect(summary.flags.contains(.truncated))
        #expect(depthOf(summary.structure) == MessageLimits.structureDepth)
        #expect((try? MessageSummary(decoding: summary.encoded())) == summary)
    }

    @Test func enclosedMessagesNestedVeryDeep() {
        let summary = scan(String(repeating: "Content-Type: message/rfc822\r\n\r\n", count: 20_000))
        #expect(depthOf(summary.structure) == MessageLimits.structureDepth)
        #expect((try? MessageSummary(decoding: summary.encoded())) == summary)
    }

    @Test func aMillionEmptyParts() {
        let text =
            Array("Content-Type: multipart/mixed; boundary=b\r\n\r\n".utf8)
            + Array(repeatElement(Array("--b\r\n\r\n".utf8), count: 1_000_000).joined())
        let summary = scan(text)
        #expect(summary.structure.children.count == MessageLimits.parts - 1)
        #expect(summary.flags.contains(.truncated))
        #expect(summary.encoded().count < 400_000)
        #expect(summary.structure.children.last?.bodyRange.upperBound == text.count)
        #expect((try? MessageSummary(decoding: summary.encoded())) == summary)
    }

    @Test func aHundredThousandFieldsAndAddresses() {
        let fields = scan(String(repeating: "X-Field: value\r\n", count: 100_000) + "Subject: late\r\n\r\nb")
        #expect(fields.flags.contains(.truncated) && fields.structure.bodyLength == 1)
        #expect(fields.envelope.subject == nil, "beyond what is kept of a header")
        let to = scan("To: " + String(repeating: "a@b.test,\r\n ", count: 100_000) + "\r\n\r\n")
        #expect(to.envelope.to.count <= MessageLimits.addresses && to.envelope.to.count > 1_000)
    }

    @Test func oneHugeHeader() {
        var text = Array("Subject: before\r\nX: ".utf8)
        text += [UInt8](repeating: 0x78, count: 4 << 20)
        text += Array("\r\nTo: after@x.test\r\n\r\nbody".utf8)
        let summary = scan(text)
        #expect(summary.envelope.subject == Array("before".utf8))
        #expect(summary.headerLength == text.count - 4)
        #expect(scan([UInt8](repeating: 0x78, count: 1 << 20)).structure.bodyLength == 0)
    }

    @Test func manyPartsWithLongHeadersKeepLittle() {
        let part = "--b\r\nContent-Description: " + String(repeating: "d", count: 60_000) + "\r\n\r\n"
        let summary = scan("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + String(repeating: part, count: 200))
        #expect(summary.structure.children.count == 200)
        #expect(summary.encoded().count < MessageLimits.totalHeaderBytes + 100_000)
    }

    @Test func linesThatAllLookLikeDelimiters() {
        var text = "Content-Type: multipart/mixed; boundary=\"----------\"\r\n\r\n------------\r\n\r\n"
        text += String(repeating: "-----------\r\n", count: 200_000)
        #expect(shape(scan(text).structure) == "mixed[text/plain]")
    }

    @Test func parameterContinuationsOutOfRange() {
        let segments = (0..<50_000).map { "filename*\(99_999 - $0)=x" }.joined(separator: "; ")
        let part = scan("Content-Disposition: attachment; \(segments); filename*0=a; filename*0=b\r\n\r\n").structure
        #expect(part.disposition?.parameters.count == MessageLimits.parameters)
    }

    @Test func controlBytesInHeaders() {
        let summary = scan(
            Array("Subject: ".utf8) + [0xFF, 0xFE, 0x00, 0x7A, 0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x1A, 0x41])
        #expect(summary.envelope.subject == [0xFF, 0xFE, 0x80, 0x7A])
        #expect(summary.preview == "A")
        #expect(summary.flags == [.has8Bit, .hasNUL])
    }

    @Test func commentsAndQuotesWithoutEnd() {
        for filler in ["(", "\"", "<", "@", "=?", "\\", "(\\", ":", ",", ";a=", "[", "=?a?q?x"] {
            let text = String(repeating: filler, count: 20_000 / filler.utf8.count)
            _ = scan("From: \(text)\r\nContent-Type: \(text)\r\nDate: \(text)\r\nSubject: \(text)\r\n\r\n")
            _ = EncodedWord.decode(Array(text.utf8))
            _ = scan("Content-Type: text/plain; x=\(text)\r\n\r\n")
        }
    }

    private func depthOf(_ part: BodyPart) -> Int {
        1 + max(part.children.map(depthOf).max() ?? 0, part.enclosed.map { depthOf($0.structure) } ?? 0)
    }
}
