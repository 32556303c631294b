/// A time-ordered identifier (RFC 9562 5.7): 48 bits of Unix milliseconds, 12 bits of the fraction (6.2, method 3),
/// 62 random bits.
///
/// Ordered by time of creation to the microsecond: index pages of a busy table fill in order, and mails of one
/// millisecond are listed as they came.
package struct UUIDv7: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// RFC 9562 5.7: `unix_ts_ms` (48), version 7 (4), `rand_a` (12), variant 10 (2), `rand_b` (62).
    package init(microseconds: UInt64, using generator: inout some RandomNumberGenerator) {
        let (milliseconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1000)
        self.high = (milliseconds & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | (rest << 12) / 1000
        self.low = 0x8000_0000_0000_0000 | generator.next() & 0x3FFF_FFFF_FFFF_FFFF
    }

    package static func next(at now: Timestamp = .now()) -> UUIDv7 {
        var generator = SystemRandomNumberGenerator()
        return UUIDv7(microseconds: UInt64(clamping: now.microseconds), using: &generator)
    }

    /// Parses the 36 character form, any letter case; `nil` if it is anything else.
    package init?(_ text: some StringProtocol) {
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (index, byte) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let nibble = byte.hexDigitValue, digits < 32 else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | nibble } else { words.1 = words.1 << 4 | nibble }
            digits += 1
        }
        guard digits == 32 else { return nil }
        self.init(high: words.0, low: words.1)
    }

    package static func < (left: UUIDv7, right: UUIDv7) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension UUIDv7: CustomStringConvertible {
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for index in 0..<32 {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = index < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: word >> UInt64((15 - index % 16) * 4)) & 0x0F
                buffer[position] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
                position += 1
            }
            return position
        }
    }
}

extension UInt8 {
    /// The value of an ASCII hexadecimal digit, otherwise `nil`.
    fileprivate var hexDigitValue: UInt64? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(self - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(self - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(self - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
