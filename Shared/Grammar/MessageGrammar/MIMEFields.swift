import MailWire

/// The structured MIME fields: Content-Type (RFC 2045 5.1) and Content-Disposition (RFC 2183).
package enum MIMEFields {
    package struct ContentType: Sendable, Equatable {
        package var mediaType: MediaType
        package var parameters: [MIMEParameter]
    }

    /// `nil` when there is no valid type; RFC 2045 5.2 then takes `text/plain`.
    package static func contentType(_ bytes: [UInt8]) -> ContentType? {
        bytes.withUnsafeBytes { contentType($0, 0..<$0.count) }
    }

    package static func disposition(_ bytes: [UInt8]) -> ContentDisposition? {
        bytes.withUnsafeBytes { disposition($0, 0..<$0.count) }
    }

    static func contentType(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> ContentType? {
        var lexer = HeaderLexer(bytes, range)
        guard let type = token(&lexer) else { return nil }
        lexer.skipCFWS()
        guard lexer.skip(UInt8(ascii: "/")) else {
            // RFC 1049 mail wrote `text` alone.
            guard type == "text" else { return nil }
            return ContentType(mediaType: .plainText, parameters: parameters(&lexer))
        }
        guard let subtype = token(&lexer) else { return nil }
        return ContentType(mediaType: MediaType(type, subtype), parameters: parameters(&lexer))
    }

    static func disposition(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> ContentDisposition? {
        var lexer = HeaderLexer(bytes, range)
        guard let type = token(&lexer) else { return nil }
        return ContentDisposition(type: type, parameters: parameters(&lexer))
    }

    /// A `token` in lowercase, at most 127 bytes (RFC 6838 4.2); `nil` if there is none.
    static func token(_ lexer: inout HeaderLexer) -> String? {
        lexer.skipCFWS()
        let range = lexer.take { !$0.isTokenByte }
        guard !range.isEmpty, range.count <= 127 else { return nil }
        return lowercased(lexer.bytes, range)
    }

    private static func lowercased(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        String(unsafeUninitializedCapacity: range.count) { output in
            for (offset, index) in range.enumerated() { output[offset] = bytes[index].asciiLowercased }
            return range.count
        }
    }

    /// `;`-separated `name=value` pairs. Values may be quoted, or run to the next `;` or comment as in much real mail.
    static func parameters(_ lexer: inout HeaderLexer) -> [MIMEParameter] {
        var parameters: [MIMEParameter] = []
        while parameters.count < MessageLimits.parameters {
            lexer.skipCFWS()
            _ = lexer.take { $0 == UInt8(ascii: ";") }
            guard lexer.skip(UInt8(ascii: ";")) else { break }
            lexer.skipCFWS()
            let name = lexer.take { !$0.isTokenByte }
            lexer.skipCFWS()
            guard !name.isEmpty, lexer.skip(UInt8(ascii: "=")) else { continue }
            parameters.append(MIMEParameter(name: Array(lexer.bytes[name]), value: value(&lexer)))
        }
        return parameters
    }

    private static func value(_ lexer: inout HeaderLexer) -> [UInt8] {
        lexer.skipCFWS()
        var value: [UInt8] = []
        if lexer.peek == UInt8(ascii: "\"") {
            lexer.quotedString(into: &value, keepsPaths: true)
        } else {
            let range = lexer.take { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: "(") }
            lexer.append(ASCII.trimmedRange(lexer.bytes, range), to: &value)
        }
        return value
    }
}
