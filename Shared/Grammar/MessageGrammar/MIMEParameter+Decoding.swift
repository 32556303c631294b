import MailWire

/// Reading a parameter by name: RFC 2231 continuations and charsets, then the plain form, in which many senders put
/// encoded words although RFC 2047 5 forbids it.
extension [MIMEParameter] {
    /// The raw value of the plain form, `nil` if there is none.
    package func raw(_ name: StaticString) -> [UInt8]? {
        first { ASCII.equalsIgnoringCase($0.name, name) }?.value
    }

    package func count(_ name: StaticString) -> Int {
        count { ASCII.equalsIgnoringCase($0.name, name) }
    }

    /// The parameter as text, all continuations joined.
    package func text(_ name: StaticString) -> String? {
        if let extended = extendedText(name) { return extended }
        return raw(name).map(EncodedWord.decode)
    }

    private struct Segment {
        let value: [UInt8]
        let isEncoded: Bool
    }

    /// RFC 2231 3 and 4: `name*`, `name*0`, `name*0*`. Joined from 0 up to the first gap; of doubles the first counts.
    private func extendedText(_ name: StaticString) -> String? {
        var segments: [Int: Segment] = [:]
        for parameter in self {
            guard let (index, isEncoded) = Self.suffix(of: parameter.name, after: name) else { continue }
            if segments[index] == nil { segments[index] = Segment(value: parameter.value, isEncoded: isEncoded) }
        }
        guard let first = segments[0] else { return nil }
        var charset: String?
        var bytes: [UInt8] = []
        var index = 0
        while let segment = segments[index] {
            var value = segment.value[...]
            if index == 0, first.isEncoded { charset = Self.takeCharset(&value) }
            if segment.isEncoded {
                Self.appendPercentDecoded(value, to: &bytes)
            } else {
                bytes.append(contentsOf: value)
            }
            index += 1
        }
        return CharsetDecoder.string(bytes, charset: charset)
    }

    /// The index and encoding of a segment's name; `name*` alone is segment 0, encoded.
    private static func suffix(of found: [UInt8], after name: StaticString) -> (Int, Bool)? {
        let length = name.utf8CodeUnitCount
        guard found.count > length, found[length] == UInt8(ascii: "*"), ASCII.hasPrefixIgnoringCase(found, name) else {
            return nil
        }
        var rest = found[(length + 1)...]
        if rest.isEmpty { return (0, true) }
        let isEncoded = rest.last == UInt8(ascii: "*")
        if isEncoded { rest.removeLast() }
        guard let index = Decimal.parseInt(rest, maximum: MessageLimits.parameterSegments - 1) else { return nil }
        return (index, isEncoded)
    }

    /// `charset'language'value`; without the two quotes everything is value.
    private static func takeCharset(_ value: inout ArraySlice<UInt8>) -> String? {
        let quote = UInt8(ascii: "'")
        guard let first = value.firstIndex(of: quote),
            let second = value[(first + 1)...].firstIndex(of: quote)
        else { return nil }
        let charset = String(decoding: value[..<first], as: UTF8.self)
        value = value[(second + 1)...]
        return charset
    }

    private static func appendPercentDecoded(_ value: ArraySlice<UInt8>, to output: inout [UInt8]) {
        var index = value.startIndex
        while index < value.endIndex {
            if value[index] == UInt8(ascii: "%"), index + 2 < value.endIndex,
                let high = value[index + 1].hexDigitValue, let low = value[index + 2].hexDigitValue
            {
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(value[index])
                index += 1
            }
        }
    }
}
