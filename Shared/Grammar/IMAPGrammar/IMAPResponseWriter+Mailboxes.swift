/// Server data about mailboxes (RFC 3501 7.2.2 to 7.2.4).
extension IMAPResponseWriter {
    /// `* LIST (\HasNoChildren) "/" "name"`; `childInfo` of RFC 5258 3.5 when a child matched, not the name itself.
    package mutating func list(
        _ name: MailboxName, attributes: [MailboxAttribute], utf8: Bool = false, childInfo: Bool = false
    ) {
        word("* LIST ")
        list(attributes) { $0.raw($1.name) }
        word(" \"/\" ")
        mailbox(name, utf8: utf8)
        if childInfo { word(" (\"CHILDINFO\" (\"SUBSCRIBED\"))") }
        crlf()
    }

    package mutating func lsub(_ name: MailboxName, attributes: [MailboxAttribute] = [], utf8: Bool = false) {
        word("* LSUB ")
        list(attributes) { $0.raw($1.name) }
        word(" \"/\" ")
        mailbox(name, utf8: utf8)
        crlf()
    }

    /// The answer to `LIST "" ""`: the delimiter and the root (RFC 3501 6.3.8).
    package mutating func listDelimiter() {
        word("* LIST (\\Noselect) \"/\" \"\"")
        crlf()
    }

    /// `* STATUS "name" (MESSAGES 1 UIDNEXT 2)`
    package mutating func status(_ name: MailboxName, _ values: [(StatusItem, UInt64)], utf8: Bool = false) {
        word("* STATUS ")
        mailbox(name, utf8: utf8)
        space()
        list(values) { writer, value in
            writer.raw(value.0.rawValue)
            writer.space()
            writer.number(value.1)
        }
        crlf()
    }

    /// One personal namespace and nothing else (RFC 2342 5).
    package mutating func namespace() {
        word("* NAMESPACE ((\"\" \"/\")) NIL NIL")
        crlf()
    }
}
