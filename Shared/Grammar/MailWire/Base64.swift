/// Base64 (RFC 4648 4).
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Value of each byte: 0...63, `padding` or `junk`.
    static let values: [UInt8] = {
        var table = [UInt8](repeating: junk, count: 256)
        for (value, byte) in alphabet.enumerated() { table[Int(byte)] = UInt8(value) }
        table[Int(UInt8(ascii: "="))] = padding
        return table
    }()
    static let padding: UInt8 = 0x40
    static let junk: UInt8 = 0x80

    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        var word: UInt32 = 0
        var held = 0
        for byte in bytes {
            word = word << 8 | UInt32(byte)
            held += 1
            guard held == 3 else { continue }
            append(word, digits: 4, to: &output)
            word = 0
            held = 0
        }
        if held > 0 {
            append(word << UInt32(8 * (3 - held)), digits: held + 1, to: &output)
            output.append(contentsOf: repeatElement(UInt8(ascii: "="), count: 3 - held))
        }
        return output
    }

    private static func append(_ word: UInt32, digits: Int, to output: inout [UInt8]) {
        for digit in 0..<digits { output.append(alphabet[Int(word >> UInt32(18 - 6 * digit)) & 63]) }
    }

    /// Decodes exactly what an encoder makes: no white space, right padding, unused bits zero; otherwise `nil`.
    /// For SASL and wherever two readings of one text would be a hole (RFC 4648 3.3, 3.5).
    package static func decodeStrict(_ bytes: some Collection<UInt8>) -> [UInt8]? {
        guard bytes.count % 4 == 0 else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count / 4 * 3)
        var word: UInt32 = 0
        var digits = 0
        var paddings = 0
        for byte in bytes {
            let value = values[Int(byte)]
            guard value != junk else { return nil }
            if value == padding {
                paddings += 1
            } else {
                guard paddings == 0 else { return nil }
                word = word << 6 | UInt32(value)
                digits += 1
            }
            guard digits + paddings == 4 else { continue }
            guard flush(word, digits: digits, to: &output) else { return nil }
            word = 0
            digits = 0
        }
        return digits == 0 && paddings <= 2 ? output : nil
    }

    /// Writes the bytes of a complete or padded group; `false` if padding is wrong or unused bits are set.
    private static func flush(_ word: UInt32, digits: Int, to output: inout [UInt8]) -> Bool {
        switch digits {
        case 4:
            output.append(UInt8(truncatingIfNeeded: word >> 16))
            output.append(UInt8(truncatingIfNeeded: word >> 8))
            output.append(UInt8(truncatingIfNeeded: word))
        case 3:
            output.append(UInt8(truncatingIfNeeded: word >> 10))
            output.append(UInt8(truncatingIfNeeded: word >> 2))
            return word & 3 == 0
        case 2:
            output.append(UInt8(truncatingIfNeeded: word >> 4))
            return word & 15 == 0
        default:
            return false
        }
        return true
    }

    /// Decodes what can be decoded: skips junk, takes text after padding as a new group (RFC 2045 6.8).
    package static func decodeLenient(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var decoder = Base64Decoder()
        var output: [UInt8] = []
        Array(bytes).withUnsafeBytes { decoder.feed($0, into: &output) }
        decoder.finish(into: &output)
        return output
    }
}
