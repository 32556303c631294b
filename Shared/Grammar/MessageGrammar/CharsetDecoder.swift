import Glibc
import MailWire

/// Text of any charset a mail names, as a String. Never fails: what cannot be read becomes U+FFFD.
package enum CharsetDecoder {
    /// `charset` as the mail writes it, any case. Without one, or with one nobody knows: UTF-8 if it is, else
    /// Windows-1252.
    package static func string(_ bytes: UnsafeRawBufferPointer, charset: String?) -> String {
        switch CharsetName.lookup(charset) {
        case .utf8: return String(decoding: bytes, as: UTF8.self)
        case .windows1252: return windows1252(bytes)
        case .unknown: return guess(bytes)
        case .iconv(let name): return convert(bytes, from: name) ?? guess(bytes)
        }
    }

    package static func string(_ bytes: [UInt8], charset: String?) -> String {
        bytes.withUnsafeBytes { string($0, charset: charset) }
    }

    private static func guess(_ bytes: UnsafeRawBufferPointer) -> String {
        String(validating: bytes, as: UTF8.self) ?? windows1252(bytes)
    }

    // MARK: Windows-1252, which is also what mail that says ISO-8859-1 means (WHATWG Encoding 4.2)

    /// U+0080...U+009F of Windows-1252; 0 where it has none.
    private static let highControls: [UInt16] = [
        0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD,
        0x017D, 0xFFFD, 0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
        0x0153, 0xFFFD, 0x017E, 0x0178,
    ]

    private static func windows1252(_ bytes: UnsafeRawBufferPointer) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + bytes.count / 4)
        for byte in bytes {
            if byte < 0x80 {
                output.append(byte)
            } else {
                appendUTF8(byte < 0xA0 ? highControls[Int(byte) - 0x80] : UInt16(byte), to: &output)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// For scalars of 0x80...0xFFFF that are no surrogates.
    private static func appendUTF8(_ scalar: UInt16, to output: inout [UInt8]) {
        if scalar < 0x800 {
            output.append(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
        } else {
            output.append(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
            output.append(0x80 | UInt8(truncatingIfNeeded: scalar >> 6) & 0x3F)
        }
        output.append(0x80 | UInt8(truncatingIfNeeded: scalar) & 0x3F)
    }

    // MARK: iconv

    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// `nil` if the C library does not have the charset.
    private static func convert(_ bytes: UnsafeRawBufferPointer, from name: StaticString) -> String? {
        let handle = name.withUTF8Buffer { buffer -> iconv_t? in
            buffer.withMemoryRebound(to: CChar.self) { iconv_open("UTF-8", $0.baseAddress) }
        }
        guard let handle, handle != iconv_t(bitPattern: -1) else { return nil }
        defer { iconv_close(handle) }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count * 2)
        var chunk = [CChar](repeating: 0, count: 4096)
        // iconv wants a mutable pointer but does not write through it (POSIX).
        var input = UnsafeMutablePointer(mutating: bytes.assumingMemoryBound(to: CChar.self).baseAddress)
        var inputLeft = bytes.count
        while inputLeft > 0 {
            let (written, failure) = chunk.withUnsafeMutableBufferPointer { buffer -> (Int, Int32) in
                var target = buffer.baseAddress
                var targetLeft = buffer.count
                let result = iconv(handle, &input, &inputLeft, &target, &targetLeft)
                return (buffer.count - targetLeft, result == -1 ? errno : 0)
            }
            output.append(contentsOf: chunk[..<written].lazy.map(UInt8.init(bitPattern:)))
            if failure == EILSEQ || failure == EINVAL {
                output.append(contentsOf: replacement)
                guard inputLeft > 0 else { break }
                input = input.map { $0 + 1 }
                inputLeft -= 1
            } else if failure != 0 && failure != E2BIG {
                break
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
