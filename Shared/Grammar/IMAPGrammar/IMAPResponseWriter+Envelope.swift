package import MessageGrammar

/// ENVELOPE (RFC 3501 7.4.2).
extension IMAPResponseWriter {
    package mutating func fetchEnvelope(_ value: Envelope) {
        item("ENVELOPE ")
        content { $0.envelope(value) }
    }

    package mutating func envelope(_ value: Envelope) {
        byte(UInt8(ascii: "("))
        nstring(value.date)
        space()
        nstring(value.subject)
        for addresses in [value.from, value.sender, value.replyTo, value.to, value.cc, value.bcc] {
            space()
            addressList(addresses)
        }
        space()
        nstring(value.inReplyTo)
        space()
        nstring(value.messageID)
        byte(UInt8(ascii: ")"))
    }

    /// NIL or `((name route mailbox host)(...))`, without spaces between the addresses.
    private mutating func addressList(_ addresses: [MailAddress]) {
        guard !addresses.isEmpty else {
            nilValue()
            return
        }
        byte(UInt8(ascii: "("))
        for address in addresses {
            byte(UInt8(ascii: "("))
            nstring(address.name)
            space()
            nstring(address.route)
            space()
            nstring(address.mailbox)
            space()
            nstring(address.host)
            byte(UInt8(ascii: ")"))
        }
        byte(UInt8(ascii: ")"))
    }
}
