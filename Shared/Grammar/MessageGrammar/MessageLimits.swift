/// Every limit of the message grammar. What is above one is left out of the summary, never out of the mail.
package enum MessageLimits {
    /// Bytes kept of one header block.
    package static let headerBytes = 65_536
    /// Bytes of header blocks and strings kept over all parts of one mail.
    package static let totalHeaderBytes = 1_048_576
    package static let headerFields = 10_000
    /// Parts and messages inside each other. The summary's tree may be walked recursively because of this limit.
    package static let structureDepth = 100
    package static let parts = 10_000
    /// A line that starts like a delimiter is looked at up to this length (RFC 2046 5.1.1 allows 74 and padding).
    package static let delimiterLine = 1_024
    package static let boundary = 998
    package static let addresses = 4_096
    package static let commentDepth = 100
    package static let parameters = 64
    /// RFC 2231 continuations of one parameter.
    package static let parameterSegments = 64
    package static let previewCharacters = 200
    /// Raw bytes looked at for the preview of a plain and of an HTML part.
    package static let previewPlainBytes = 2_048
    package static let previewHTMLBytes = 8_192
    package static let decodedHeaderCharacters = 16_384
}
