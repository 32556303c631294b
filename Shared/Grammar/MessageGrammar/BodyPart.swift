/// One entity of a mail (RFC 2046): a leaf, a multipart or an enclosed message. Offsets count from the body's first
/// byte.
package struct BodyPart: Sendable, Equatable {
    package indirect enum Content: Sendable, Equatable {
        case leaf
        /// Never empty: a multipart in which no part begins is reported as a `text/plain` leaf.
        case multipart([BodyPart])
        /// `message/rfc822` or `message/global`.
        case message(EnclosedMessage)
    }

    package var mediaType = MediaType.plainText
    package var parameters: [MIMEParameter] = []
    package var id: [UInt8]?
    package var description: [UInt8]?
    /// Content-Transfer-Encoding, lowercase, `7bit` when there is none.
    package var encoding = "7bit"
    package var disposition: ContentDisposition?
    package var language: [[UInt8]] = []
    package var location: [UInt8]?
    package var md5: [UInt8]?
    /// The part's own header (MIME header; the message header for a root), its empty line included.
    package var headerOffset = 0
    package var headerLength = 0
    /// Octets of the body, still encoded.
    package var bodyLength = 0
    /// Line ends in the body.
    package var lines = 0
    package var content = Content.leaf

    package init() {}

    package var children: [BodyPart] { if case .multipart(let parts) = content { parts } else { [] } }
    package var enclosed: EnclosedMessage? { if case .message(let message) = content { message } else { nil } }

    package var type: String { mediaType.type }
    package var subtype: String { mediaType.subtype }
    /// The body begins where the header ends.
    package var bodyOffset: Int { headerOffset + headerLength }
    package var headerRange: Range<Int> { headerOffset..<(headerOffset + headerLength) }
    package var bodyRange: Range<Int> { bodyOffset..<(bodyOffset + bodyLength) }
}

/// A message inside a message; its own header and body are those of `structure`.
package struct EnclosedMessage: Sendable, Equatable {
    package var envelope: Envelope
    package var structure: BodyPart

    package init(envelope: Envelope, structure: BodyPart) {
        self.envelope = envelope
        self.structure = structure
    }
}

/// `type/subtype` in lowercase (RFC 2045 5.1).
package struct MediaType: Sendable, Equatable, Hashable {
    package var type: String
    package var subtype: String

    package init(_ type: String, _ subtype: String) {
        self.type = type
        self.subtype = subtype
    }

    package static let plainText = MediaType("text", "plain")
    package static let octetStream = MediaType("application", "octet-stream")
    package static let enclosedMessage = MediaType("message", "rfc822")

    package var isMultipart: Bool { type == "multipart" }
    package var isText: Bool { type == "text" }
    package var isMessage: Bool { type == "message" && (subtype == "rfc822" || subtype == "global") }
    package var text: String { "\(type)/\(subtype)" }
}

/// A parameter as found: `name` keeps RFC 2231 suffixes (`filename*0*`), `value` is unquoted, not decoded.
package struct MIMEParameter: Sendable, Equatable {
    package var name: [UInt8]
    package var value: [UInt8]

    package init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// Content-Disposition (RFC 2183); `type` in lowercase.
package struct ContentDisposition: Sendable, Equatable {
    package var type: String
    package var parameters: [MIMEParameter]

    package init(type: String, parameters: [MIMEParameter]) {
        self.type = type
        self.parameters = parameters
    }
}
