import MailWire
import Testing

@Suite struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func vectorsOfRFC4648(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == Array(encoded.utf8))
        #expect(Base64.decodeStrict(Array(encoded.utf8)) == Array(plain.utf8))
        #expect(Base64.decodeLenient(Array(encoded.utf8)) == Array(plain.utf8))
    }

    @Test(arguments: [
        "=", "A", "AA", "AAA", "A===", "Zg=", "Zh==", "Zm9=", "Zm9v\r\n", "Zm 9v", "Zg==Zg==", "Z=g=", "====", "Zm9*",
    ])
    func strictRefuses(text: String) {
        #expect(Base64.decodeStrict(Array(text.utf8)) == nil)
    }

    @Test func lenientSkipsJunkAndGoesOnAfterPadding() {
        #expect(Base64.decodeLenient(Array("Zm\r\n9v!Ym\u{80}Fy".utf8)) == Array("foobar".utf8))
        #expect(Base64.decodeLenient(Array("Zg==Zm8=".utf8)) == Array("ffo".utf8))
        #expect(Base64.decodeLenient(Array("Zm9vY".utf8)) == Array("foo".utf8))
    }

    @Test func streamingIsTheSameForEveryCutAndTellsJunk() {
        let text = Array("Zm9v\r\nYmFyZm9vYg==\r\n".utf8)
        for cut in 0...text.count {
            var decoder = Base64Decoder()
            var output: [UInt8] = []
            text[..<cut].withUnsafeBytes { decoder.feed($0, into: &output) }
            text[cut...].withUnsafeBytes { decoder.feed($0, into: &output) }
            decoder.finish(into: &output)
            #expect(output == Array("foobarfoob".utf8))
            #expect(!decoder.isAmbiguous)
        }
        for ambiguous in ["Zm9v!Zm9v", "Zg==Zg=="] {
            var decoder = Base64Decoder()
            var output: [UInt8] = []
            Array(ambiguous.utf8).withUnsafeBytes { decoder.feed($0, into: &output) }
            #expect(decoder.isAmbiguous)
        }
    }

    @Test func allLengthsRoundTrip() {
        var bytes: [UInt8] = []
        for length in 0..<300 {
            #expect(Base64.decodeStrict(Base64.encode(bytes)) == bytes)
            bytes.append(UInt8(truncatingIfNeeded: length * 89 + 7))
        }
    }
}
