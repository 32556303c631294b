/// Every limit of the SMTP grammar, once.
package enum SMTPLimits {
    /// RFC 5321 4.5.3.1.4, CRLF included.
    package static let commandLine = 512
    /// MAIL and RCPT grow with their extensions (RFC 1870 3, RFC 4954 3, RFC 3461 5.3).
    package static let envelopeLine = 1000
    /// RFC 4954 4: base64 lines of an AUTH exchange, CRLF included.
    package static let authenticationLine = 12_288
    /// RFC 5321 4.5.3.1.1
    package static let localPart = 64
    /// RFC 5321 4.5.3.1.2
    package static let domain = 255
    /// RFC 5321 4.5.3.1.3, without the angle brackets.
    package static let path = 254
    package static let parameters = 16

    // MARK: What a server may send us

    /// RFC 5321 4.5.3.1.5 has 512; servers exceed it.
    package static let replyLine = 2048
    package static let replyLines = 128
    package static let replySize = 32_768
    /// Of a reply's text for logs and notifications.
    package static let replyLinesKept = 4
    package static let replyTextKept = 512
}
