package import MailCore

/// A mail on its way to one destination: one transaction, however many recipients it has there.
package struct OutboundMail: Sendable {
    /// Where the body's bytes go, chunk by chunk and in order.
    package typealias Writer = @Sendable (_ chunk: [UInt8]) async throws -> Void

    package let id: MailID
    /// Empty for a notification (RFC 5321 4.5.5).
    package let sender: String
    package let recipients: [String]
    /// Header fields of the copy, in front of the body: the DKIM signature, trace fields.
    package let prefix: [UInt8]
    /// Octets of prefix and body (RFC 1870).
    package let size: Int
    /// A byte above 0x7F is in it (RFC 6152).
    package let isEightBit: Bool
    /// The body, when all of it is here.
    package let whole: [UInt8]?
    /// Otherwise reads the stored body and hands it over; called once per attempt, only after the server asked for the
    /// mail.
    package let body: @Sendable (_ write: @escaping Writer) async throws -> Void

    package init(
        id: MailID, sender: String, recipients: [String], prefix: [UInt8], size: Int, isEightBit: Bool,
        whole: [UInt8]? = nil, body: @escaping @Sendable (_ write: @escaping Writer) async throws -> Void
    ) {
        self.id = id
        self.sender = sender
        self.recipients = recipients
        self.prefix = prefix
        self.size = size
        self.isEightBit = isEightBit
        self.whole = whole
        self.body = body
    }
}
