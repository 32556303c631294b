/// The encoding of mailbox names (RFC 3501 5.1.3), strict: `decode` accepts exactly what `encode` produces, so that no
/// two names on the wire mean one mailbox.
package enum ModifiedUTF7 {
    /// Base64 of RFC 2045 with `,` in place of `/`.
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,".utf8)

    package static func encode(_ name: String) -> [UInt8] {
        // Most names are their own encoding.
        if name.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x26 }) { return Array(name.utf8) }
        var result: [UInt8] = []
        result.reserveCapacity(name.utf8.count)
        var shifted = false
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        func unshift() {
            if bitCount > 0 { result.append(alphabet[Int((bits << (6 - bitCount)) & 0x3F)]) }
            result.append(UInt8(ascii: "-"))
            (shifted, bits, bitCount) = (false, 0, 0)
        }
        for unit in name.utf16 {
            if unit >= 0x20, unit <= 0x7E {
                if shifted { unshift() }
                result.append(UInt8(truncatingIfNeeded: unit))
                if unit == 0x26 { result.append(UInt8(ascii: "-")) }
                continue
            }
            if !shifted {
                result.append(UInt8(ascii: "&"))
                shifted = true
            }
            bits = (bits << 16) | UInt32(unit)
            bitCount += 16
            while bitCount >= 6 {
                bitCount -= 6
                result.append(alphabet[Int((bits >> bitCount) & 0x3F)])
            }
            bits &= (1 << bitCount) - 1
        }
        if shifted { unshift() }
        return result
    }

    /// Nil for anything that is not the canonical encoding of a string: superfluous shifts, ASCII in base64, odd bits,
    /// lone surrogates, bytes outside printable ASCII.
    package static func decode(_ bytes: some Collection<UInt8>) -> String? {
        var units: [UInt16] = []
        units.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            guard byte >= 0x20, byte <= 0x7E else { return nil }
            guard byte == UInt8(ascii: "&") else {
                units.append(UInt16(byte))
                continue
            }
            guard let end = rest.firstIndex(of: UInt8(ascii: "-")) else { return nil }
            if end == rest.startIndex {
                units.append(0x26)
            } else if !appendBase64(rest[..<end], to: &units) {
                return nil
            }
            rest = rest[rest.index(after: end)...]
        }
        guard let name = String(validating: units, as: UTF16.self), encode(name).elementsEqual(bytes) else {
            return nil
        }
        return name
    }

    private static func appendBase64(_ digits: some Collection<UInt8>, to units: inout [UInt16]) -> Bool {
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for digit in digits {
            guard let value = alphabet.firstIndex(of: digit) else { return false }
            bits = (bits << 6) | UInt32(value)
            bitCount += 6
            if bitCount >= 16 {
                bitCount -= 16
                units.append(UInt16(truncatingIfNeeded: bits >> bitCount))
                bits &= (1 << bitCount) - 1
            }
        }
        return true
    }
}
