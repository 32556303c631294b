import MailWire

/// Character references (HTML 13.5): numbers, and the names that mail uses.
enum HTMLEntity {
    /// The longest name looked for, with `#` and digits.
    private static let maximumLength = 12

    /// The scalar that `&...;` at `start` stands for and where it ends; `nil` if it is just an ampersand.
    static func parse(_ bytes: UnsafeRawBufferPointer, at start: Int, end limit: Int) -> (Unicode.Scalar, Int)? {
        var position = start + 1
        guard position < limit else { return nil }
        if bytes[position] == UInt8(ascii: "#") { return number(bytes, from: position + 1, end: limit) }
        let nameStart = position
        while position < limit, position - nameStart < maximumLength, bytes[position].isASCIIAlphanumeric {
            position += 1
        }
        guard position > nameStart else { return nil }
        let name = UnsafeRawBufferPointer(rebasing: bytes[nameStart..<position])
        guard let scalar = scalar(named: name) else { return nil }
        let hasSemicolon = position < limit && bytes[position] == UInt8(ascii: ";")
        return (scalar, hasSemicolon ? position + 1 : position)
    }

    private static func number(
        _ bytes: UnsafeRawBufferPointer, from start: Int, end limit: Int
    ) -> (Unicode.Scalar, Int)? {
        var position = start
        let isHexadecimal = position < limit && bytes[position] | 0x20 == UInt8(ascii: "x")
        if isHexadecimal { position += 1 }
        let digitsStart = position
        var value: UInt32 = 0
        while position < limit, let digit = bytes[position].hexDigitValue, isHexadecimal || digit < 10 {
            value = min(value &* (isHexadecimal ? 16 : 10) &+ UInt32(digit), 0x110000)
            position += 1
        }
        guard position > digitsStart else { return nil }
        if position < limit, bytes[position] == UInt8(ascii: ";") { position += 1 }
        let scalar = value == 0 ? nil : Unicode.Scalar(value)
        return (scalar ?? "\u{FFFD}", position)
    }

    private static func scalar(named name: UnsafeRawBufferPointer) -> Unicode.Scalar? {
        for (known, scalar) in names where known.utf8CodeUnitCount == name.count {
            if UnsafeRawBufferPointer(start: known.utf8Start, count: name.count).elementsEqual(name) { return scalar }
        }
        return nil
    }

    private static let names: [(StaticString, Unicode.Scalar)] = [
        ("nbsp", "\u{A0}"), ("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'"),
        ("zwnj", "\u{200C}"), ("zwj", "\u{200D}"), ("shy", "\u{AD}"), ("copy", "\u{A9}"), ("reg", "\u{AE}"),
        ("trade", "\u{2122}"), ("euro", "\u{20AC}"), ("pound", "\u{A3}"), ("yen", "\u{A5}"), ("cent", "\u{A2}"),
        ("hellip", "\u{2026}"), ("mdash", "\u{2014}"), ("ndash", "\u{2013}"), ("lsquo", "\u{2018}"),
        ("rsquo", "\u{2019}"), ("ldquo", "\u{201C}"), ("rdquo", "\u{201D}"), ("bull", "\u{2022}"),
        ("middot", "\u{B7}"), ("laquo", "\u{AB}"), ("raquo", "\u{BB}"), ("deg", "\u{B0}"), ("sect", "\u{A7}"),
        ("times", "\u{D7}"), ("auml", "\u{E4}"), ("ouml", "\u{F6}"), ("uuml", "\u{FC}"), ("Auml", "\u{C4}"),
        ("Ouml", "\u{D6}"), ("Uuml", "\u{DC}"), ("szlig", "\u{DF}"), ("agrave", "\u{E0}"), ("aacute", "\u{E1}"),
        ("acirc", "\u{E2}"), ("aring", "\u{E5}"), ("ccedil", "\u{E7}"), ("egrave", "\u{E8}"), ("eacute", "\u{E9}"),
        ("ecirc", "\u{EA}"), ("euml", "\u{EB}"), ("iacute", "\u{ED}"), ("icirc", "\u{EE}"), ("ntilde", "\u{F1}"),
        ("oacute", "\u{F3}"), ("ocirc", "\u{F4}"), ("oslash", "\u{F8}"), ("uacute", "\u{FA}"), ("atilde", "\u{E3}"),
        ("otilde", "\u{F5}"), ("ensp", "\u{2002}"), ("emsp", "\u{2003}"), ("thinsp", "\u{2009}"),
        ("rarr", "\u{2192}"), ("larr", "\u{2190}"), ("iexcl", "\u{A1}"), ("iquest", "\u{BF}"),
    ]

    static func append(_ scalar: Unicode.Scalar, to output: inout [UInt8]) {
        guard let encoded = UTF8.encode(scalar) else { return }
        for byte in encoded { output.append(byte) }
    }

    /// Appends `range` with its references decoded.
    static func append(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, to output: inout [UInt8]) {
        var position = range.lowerBound
        while position < range.upperBound {
            if bytes[position] == UInt8(ascii: "&"),
                let (scalar, end) = parse(bytes, at: position, end: range.upperBound)
            {
                append(scalar, to: &output)
                position = end
            } else {
                output.append(bytes[position])
                position += 1
            }
        }
    }
}
