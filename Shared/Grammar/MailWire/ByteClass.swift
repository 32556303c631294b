/// Classes of single bytes, ASCII only: bytes from 0x80 up are in none of them.
extension UInt8 {
    package static let tab: UInt8 = 0x09
    package static let lineFeed: UInt8 = 0x0A
    package static let carriageReturn: UInt8 = 0x0D
    package static let space: UInt8 = 0x20

    @inlinable package var isASCIIDigit: Bool { self &- 0x30 < 10 }

    @inlinable package var isASCIIUppercase: Bool { self &- 0x41 < 26 }

    @inlinable package var isASCIILetter: Bool { (self | 0x20) &- 0x61 < 26 }

    @inlinable package var isASCIIAlphanumeric: Bool { isASCIIDigit || isASCIILetter }

    /// Folds A-Z to a-z and leaves every other byte alone.
    @inlinable package var asciiLowercased: UInt8 { isASCIIUppercase ? self | 0x20 : self }

    @inlinable package var asciiUppercased: UInt8 { self &- 0x61 < 26 ? self & 0xDF : self }

    /// RFC 5234 B.1: `WSP`, a space or a tab.
    @inlinable package var isWSP: Bool { self == 0x20 || self == 0x09 }

    /// Space, tab, CR or LF: what folding white space is made of (RFC 5322 3.2.2).
    @inlinable package var isFoldingWhiteSpace: Bool { self == 0x20 || self == 0x09 || self == 0x0D || self == 0x0A }

    /// Controls: 0x00...0x1F and DEL.
    @inlinable package var isASCIIControl: Bool { self < 0x20 || self == 0x7F }

    /// RFC 5322 3.2.3: `atext`, and bytes from 0x80 up as RFC 6532 3.2 allows.
    @inlinable package var isAtomText: Bool {
        if isASCIIAlphanumeric || self >= 0x80 { return true }
        switch self {
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2F, 0x3D, 0x3F, 0x5E...0x60, 0x7B...0x7E: return true
        default: return false
        }
    }

    /// RFC 2045 5.1: a byte of a `token`, anything printable but space and `tspecials`.
    @inlinable package var isTokenByte: Bool {
        guard self > 0x20, self < 0x7F else { return false }
        switch self {
        case 0x22, 0x28, 0x29, 0x2C, 0x2F, 0x3A...0x40, 0x5B...0x5D: return false
        default: return true
        }
    }

    /// The value of a hexadecimal digit of either case, otherwise `nil`.
    @inlinable package var hexDigitValue: UInt8? {
        if isASCIIDigit { return self &- 0x30 }
        let letter = self | 0x20
        return letter &- 0x61 < 6 ? letter &- 0x61 &+ 10 : nil
    }
}
