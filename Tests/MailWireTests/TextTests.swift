import MailWire
import Testing

@Suite struct DecimalTests {
    @Test(
        arguments: [
            ("0", 0), ("007", 7), ("18446744073709551615", UInt64.max), ("18446744073709551616", nil), ("", nil),
            ("-1", nil),
            ("+1", nil), ("1 ", nil), ("0x10", nil), ("99999999999999999999", nil), ("\u{0661}", nil),
        ] as [(String, UInt64?)])
    func parsesDigitsOnly(text: String, value: UInt64?) {
        #expect(Decimal.parse(text.utf8) == value)
    }

    @Test func keepsToItsMaximum() {
        #expect(Decimal.parse("4294967295".utf8, maximum: 4_294_967_295) == 4_294_967_295)
        #expect(Decimal.parse("4294967296".utf8, maximum: 4_294_967_295) == nil)
        #expect(Decimal.parseInt("9223372036854775808".utf8) == nil)
        #expect(Decimal.parseInt("5".utf8, maximum: -1) == nil)
    }

    @Test(arguments: [
        (0, "0"), (7, "7"), (-12, "-12"), (Int.max, "9223372036854775807"), (Int.min, "-9223372036854775808"),
    ])
    func appends(value: Int, text: String) {
        var output = Array(">".utf8)
        Decimal.append(value, to: &output)
        #expect(output == Array((">" + text).utf8))
    }

    @Test func padsWithZeros() {
        var output: [UInt8] = []
        Decimal.append(5, to: &output, minimumDigits: 4)
        #expect(output == Array("0005".utf8))
    }
}

@Suite struct ASCIITests {
    @Test func foldsOnlyASCIILetters() {
        #expect(ASCII.equalsIgnoringCase("InBoX".utf8, "iNbOx".utf8))
        #expect(!ASCII.equalsIgnoringCase("[".utf8, "{".utf8))
        #expect(!ASCII.equalsIgnoringCase("\u{C4}".utf8, "\u{E4}".utf8))
        #expect(!ASCII.equalsIgnoringCase("INBOX".utf8, "INBO".utf8))
        #expect(ASCII.equalsIgnoringCase(Array("RCPT".utf8), "rcpt"))
        #expect(ASCII.hasPrefixIgnoringCase("FROM:<x>".utf8, "from:"))
        #expect(!ASCII.hasPrefixIgnoringCase("FRO".utf8, "from:"))
    }

    @Test func trimsWhiteSpaceAtBothEnds() {
        #expect(Array(ASCII.trimmed(Array(" \t\r\na b\r\n".utf8))) == Array("a b".utf8))
        #expect(ASCII.trimmed(Array("  ".utf8)).isEmpty)
    }

    @Test func findsIgnoringCase() {
        Array("xxDisplay:None".utf8).withUnsafeBytes {
            #expect(ASCII.firstIndexIgnoringCase(of: "display:none", in: $0) == 2)
            #expect(!ASCII.containsIgnoringCase($0, "display:nones"))
        }
    }

    @Test func classesAgreeWithTheirRFCs() {
        let specials = Set("()<>[]:;@\\,.\"".utf8)
        let tokenSpecials = Set("()<>@,;:\\\"/[]?=".utf8)
        for byte in UInt8.min...UInt8.max {
            let isPrintable = byte > 0x20 && byte < 0x7F
            #expect(byte.isAtomText == (byte >= 0x80 || isPrintable && !specials.contains(byte)))
            #expect(byte.isTokenByte == (isPrintable && !tokenSpecials.contains(byte)))
            #expect(byte.isASCIILetter == (Character(UnicodeScalar(byte)).isLetter && byte < 0x80))
            #expect(
                byte.hexDigitValue.map(Int.init) == (byte < 0x80 ? Character(UnicodeScalar(byte)).hexDigitValue : nil))
        }
    }
}
