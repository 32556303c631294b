import MailWire

/// The fields of a header block, for signing: strict where a reader of mail is lenient, because what two readers could
/// take for two messages must not carry one signature (RFC 6376 8.15).
package struct DKIMHeader: Sendable {
    struct Field: Sendable {
        /// Lower case.
        let name: [UInt8]
        /// After the colon, still folded, without the CRLF at the end.
        let body: Range<Int>
    }

    let bytes: [UInt8]
    let fields: [Field]

    /// A header block with or without the empty line at its end.
    package init(_ bytes: [UInt8]) throws(DKIMError) {
        guard bytes.count <= DKIMLimits.headerBytes else { throw .tooLarge }
        var fields: [Field] = []
        var position = 0
        while position < bytes.count {
            let end = try Self.endOfField(bytes, from: position)
            if end - position == 2 { break }
            guard fields.count < DKIMLimits.headerFields else { throw .tooLarge }
            fields.append(try Self.field(bytes, position..<end))
            position = end
        }
        self.bytes = bytes
        self.fields = fields
    }

    /// Where the field that begins here ends, its CRLF included; the empty line counts as a field of two bytes.
    /// RFC 5322 2.2.3: a line that begins with white space continues the field.
    private static func endOfField(_ bytes: [UInt8], from start: Int) throws(DKIMError) -> Int {
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case 0, .lineFeed: throw .ambiguousHeader
            case .carriageReturn:
                guard index + 1 < bytes.count, bytes[index + 1] == .lineFeed else { throw .ambiguousHeader }
                index += 2
                let isEmptyLine = index - start == 2
                guard !isEmptyLine, index < bytes.count, bytes[index].isWSP else { return index }
            default: index += 1
            }
        }
        throw .ambiguousHeader
    }

    /// RFC 5322 3.6.8: a name is printable bytes without the colon. The white space before the colon that RFC 5322 4.5
    /// knows is refused.
    private static func field(_ bytes: [UInt8], _ range: Range<Int>) throws(DKIMError) -> Field {
        var index = range.lowerBound
        while index < range.upperBound, bytes[index] != UInt8(ascii: ":") {
            guard bytes[index] > 0x20, bytes[index] < 0x7F else { throw .ambiguousHeader }
            index += 1
        }
        guard index > range.lowerBound, index < range.upperBound else { throw .ambiguousHeader }
        return Field(name: ASCII.lowercased(bytes[range.lowerBound..<index]), body: index + 1..<range.upperBound - 2)
    }

    /// The unfolded values of all fields of this name (which is given in lower case), from the top.
    package func values(_ name: StaticString) -> [[UInt8]] {
        fields.filter { ASCII.equalsIgnoringCase($0.name, name) }.map { field in
            bytes[field.body].filter { $0 != .carriageReturn && $0 != .lineFeed }
        }
    }

    /// Appends a field in relaxed canonical form (RFC 6376 3.4.2), its CRLF included.
    func appendCanonical(_ field: Field, to output: inout [UInt8]) {
        Self.appendCanonical(name: field.name, body: bytes[field.body], to: &output)
        output.append(.carriageReturn)
        output.append(.lineFeed)
    }

    /// The same without the CRLF, as the signature's own field is hashed (RFC 6376 3.7).
    static func appendCanonical(name: [UInt8], body: ArraySlice<UInt8>, to output: inout [UInt8]) {
        output += name
        output.append(UInt8(ascii: ":"))
        var hasInk = false
        var hasSpace = false
        for byte in body {
            if byte.isFoldingWhiteSpace {
                hasSpace = hasInk
                continue
            }
            if hasSpace { output.append(.space) }
            hasSpace = false
            hasInk = true
            output.append(byte)
        }
    }
}
