import MessageGrammar
import Testing

private func decode(_ bytes: [UInt8], _ encoding: String, cuts: [Int] = []) -> [UInt8] {
    var decoder = TransferDecoder(encoding)
    var output: [UInt8] = []
    var start = 0
    for end in cuts + [bytes.count] {
        bytes[start..<end].withUnsafeBytes { decoder.feed($0, into: &output) }
        start = end
    }
    decoder.finish(into: &output)
    return output
}

@Suite struct TransferDecoderTests {
    @Test(arguments: [
        ("quoted-printable", "a=3Db=\r\nc =  \r\nd  \r\ne", "a=bc d\r\ne"),
        ("quoted-printable", "=4=G1==41=", "=4=G1=A"),
        ("quoted-printable", "a =\r\nb \t\r\n\tc=\nd", "a b\r\n\tcd"),
        ("quoted-printable", "= x", "= x"),
        ("quoted-printable", "x=4", "x=4"),
        ("base64", "Zm9v\r\nYmFy", "foobar"),
        ("8bit", "=41 Zm9v", "=41 Zm9v"),
        ("x-unknown", "=41", "=41"),
    ])
    func decodesAtEveryCut(encoding: String, text: String, expected: String) {
        let bytes = Array(text.utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                #expect(decode(bytes, encoding, cuts: [first, second]) == Array(expected.utf8))
            }
        }
    }

    @Test func endlessTrailingSpaceIsHeldOnlyUpToALimit() {
        let spaces = [UInt8](repeating: 0x20, count: 100_000)
        #expect(decode(spaces + [0x78], "quoted-printable") == spaces + [0x78])
        #expect(decode([0x3D] + spaces + [0x78], "quoted-printable") == [0x3D] + spaces + [0x78])
    }
}

@Suite struct CharsetDecoderTests {
    @Test(
        arguments: [
            ("utf-8", [0xE2, 0x82, 0xAC], "\u{20AC}"),
            ("UTF8", [0x61, 0xFF, 0x62], "a\u{FFFD}b"),
            ("iso-8859-1", [0xE4, 0x80], "\u{E4}\u{20AC}"),
            ("us-ascii", [0xE4], "\u{E4}"),
            ("us-ascii", [0xC3, 0xA4], "\u{E4}"),
            ("ISO-8859-15", [0xA4], "\u{20AC}"),
            ("koi8-r", [0xF0, 0xD2], "\u{41F}\u{440}"),
            ("windows-1251", [0xCF, 0xF0], "\u{41F}\u{440}"),
            ("gb2312", [0xC4, 0xE3], "\u{4F60}"),
            ("big5", [0xA7, 0x41], "\u{4F60}"),
            ("shift_jis", [0x93, 0xFA, 0x93], "\u{65E5}\u{FFFD}"),
            ("euc-kr", [0xC7, 0xD1], "\u{D55C}"),
            ("utf-16", [0xFF, 0xFE, 0x61, 0x00], "a"),
            ("utf-7", Array("+AOQ-".utf8), "\u{E4}"),
            ("no-such-charset", [0xE4], "\u{E4}"),
            ("ISO-2022-CN-EXT", Array("abc".utf8), "abc"),
            ("", [0x61], "a"),
            ("utf-8", [], ""),
        ] as [(String, [UInt8], String)])
    func decodes(charset: String, bytes: [UInt8], expected: String) {
        #expect(CharsetDecoder.string(bytes, charset: charset) == expected)
    }

    @Test func neverFailsOnRandomBytes() {
        var random = SeededGenerator(seed: 3)
        let names = [
            "utf-7", "iso-2022-jp", "gb18030", "big5", "euc-jp", "shift_jis", "iso-2022-kr", "utf-16", "utf-32",
            "viscii",
        ]
        for name in names {
            for _ in 0..<200 {
                let bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                _ = CharsetDecoder.string(bytes, charset: name)
            }
        }
    }

    @Test func largeTextCrossesTheConversionBuffer() {
        let bytes = (0..<20_000).map { $0 % 3 == 0 ? UInt8(0xA4) : 0x61 }
        let text = CharsetDecoder.string(bytes, charset: "iso-8859-15")
        #expect(text.unicodeScalars.count == bytes.count)
        #expect(text.unicodeScalars.count { $0 == "\u{20AC}" } == 6_667)
    }
}
