import MailWire

/// A header block and its fields, for those who need more than the summary holds.
package struct HeaderFields: Sendable {
    package let bytes: [UInt8]
    package let fields: [HeaderField]

    /// Reads up to the first empty line.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        self.fields = bytes.withUnsafeBytes { buffer in
            var walk = HeaderFieldWalk()
            var fields: [HeaderField] = []
            while let field = walk.next(in: buffer) { fields.append(field) }
            return fields
        }
    }

    package func name(_ field: HeaderField) -> ArraySlice<UInt8> { bytes[field.name] }

    /// The field's body, unfolded and trimmed, otherwise as found.
    package func value(_ field: HeaderField) -> [UInt8] {
        bytes.withUnsafeBytes { ASCII.unfolded($0, field.body) }
    }

    /// The field's body as text: unfolded, encoded words decoded (RFC 2047).
    package func text(_ field: HeaderField) -> String { EncodedWord.decode(value(field)) }

    package func all(_ name: StaticString) -> [HeaderField] {
        fields.filter { ASCII.equalsIgnoringCase(bytes[$0.name], name) }
    }

    package func first(_ name: StaticString) -> HeaderField? {
        fields.first { ASCII.equalsIgnoringCase(bytes[$0.name], name) }
    }

    package func firstValue(_ name: StaticString) -> [UInt8]? { first(name).map(value) }

    package func firstText(_ name: StaticString) -> String? { first(name).map(text) }

    /// All values of a field whose name is known only at run time (IMAP's HEADER search and HEADER.FIELDS).
    package func all(named name: [UInt8]) -> [HeaderField] {
        fields.filter { ASCII.equalsIgnoringCase(bytes[$0.name], name) }
    }

    /// The bytes of a field with its name and line end, as IMAP's HEADER.FIELDS gives them out.
    package func wireRange(_ field: HeaderField) -> Range<Int> {
        var end = field.body.upperBound
        if end < bytes.count, bytes[end] == .carriageReturn { end += 1 }
        if end < bytes.count, bytes[end] == .lineFeed { end += 1 }
        return field.name.lowerBound..<end
    }
}
