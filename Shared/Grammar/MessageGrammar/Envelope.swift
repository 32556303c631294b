/// An address as IMAP shows it (RFC 3501 7.4.2). Bytes are as found in the header, unfolded and unquoted, not decoded.
///
/// A group is a start (`host` nil, `mailbox` its name), its members, and an end (all nil).
package struct MailAddress: Sendable, Equatable {
    package var name: [UInt8]?
    /// The source route of RFC 822 ("at-domain-list").
    package var route: [UInt8]?
    package var mailbox: [UInt8]?
    package var host: [UInt8]?

    package init(name: [UInt8]? = nil, route: [UInt8]? = nil, mailbox: [UInt8]? = nil, host: [UInt8]? = nil) {
        self.name = name
        self.route = route
        self.mailbox = mailbox
        self.host = host
    }

    package static let groupEnd = MailAddress()
    package static func groupStart(_ name: [UInt8]) -> MailAddress { MailAddress(mailbox: name) }

    package var isGroupMarker: Bool { host == nil }

    /// `mailbox@host` for an address, `nil` for a group marker.
    package var text: String? {
        guard let mailbox, let host else { return nil }
        return String(decoding: mailbox, as: UTF8.self) + "@" + String(decoding: host, as: UTF8.self)
    }
}

/// The fields of IMAP's ENVELOPE (RFC 3501 7.4.2), raw: unfolded, otherwise the bytes of the header.
package struct Envelope: Sendable, Equatable {
    package var date: [UInt8]?
    package var subject: [UInt8]?
    package var from: [MailAddress] = []
    /// Equal to `from` when the mail has no Sender, as RFC 3501 demands.
    package var sender: [MailAddress] = []
    /// Equal to `from` when the mail has no Reply-To, as RFC 3501 demands.
    package var replyTo: [MailAddress] = []
    package var to: [MailAddress] = []
    package var cc: [MailAddress] = []
    package var bcc: [MailAddress] = []
    package var inReplyTo: [UInt8]?
    package var messageID: [UInt8]?

    package init() {}
}
