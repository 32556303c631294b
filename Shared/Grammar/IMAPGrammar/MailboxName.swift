/// The name of a mailbox, decoded; levels are divided by `/`. INBOX is in capitals, however it was sent, also as the
/// first level of a name (RFC 3501 5.1); everything else is compared byte for byte.
package struct MailboxName: Sendable, CustomStringConvertible {
    /// UTF-8; what the database stores.
    package let value: String

    package static let delimiter: Character = "/"
    package static let inbox = MailboxName(stored: "INBOX")

    /// A name that was checked when it was made.
    package init(stored: String) { value = stored }

    /// A name from the wire: modified UTF-7, or UTF-8 once enabled (RFC 6855 3). NO, because the command was well
    /// formed, for a name that cannot exist here.
    package init(wire bytes: [UInt8], utf8: Bool = false) throws(IMAPSyntaxError) {
        guard bytes.count <= IMAPLimits.mailboxName * 4,
            let name = utf8 ? String(validating: bytes, as: UTF8.self) : ModifiedUTF7.decode(bytes)
        else { throw IMAPSyntaxError("Invalid mailbox name", status: .no, code: .cannot) }
        try self.init(checking: name)
    }

    /// A decoded name. No empty level, no control characters, within the limits.
    package init(checking name: String) throws(IMAPSyntaxError) {
        var levels = 1
        var previous = UInt8(ascii: "/")
        for byte in name.utf8 {
            if byte < 0x20 || byte == 0x7F || (byte == UInt8(ascii: "/") && previous == byte) {
                throw IMAPSyntaxError("Invalid mailbox name", status: .no, code: .cannot)
            }
            if byte == UInt8(ascii: "/") { levels += 1 }
            previous = byte
        }
        guard previous != UInt8(ascii: "/"), !name.unicodeScalars.contains(where: Self.isForbidden) else {
            throw IMAPSyntaxError("Invalid mailbox name", status: .no, code: .cannot)
        }
        guard levels <= IMAPLimits.mailboxLevels, name.utf8.count <= IMAPLimits.mailboxName else {
            throw IMAPSyntaxError("Mailbox name too long", status: .no, code: .limit)
        }
        value = Self.withCapitalInbox(name)
    }

    package var description: String { value }
    package var isInbox: Bool { value == "INBOX" }

    /// RFC 3501 5.1.3: the name as a client that has not enabled UTF-8 sees it.
    package var modifiedUTF7: [UInt8] { ModifiedUTF7.encode(value) }

    /// Names of the levels above, outermost first: `a/b/c` has `a` and `a/b`.
    package var ancestors: [MailboxName] {
        var result: [MailboxName] = []
        for index in value.utf8.indices where value.utf8[index] == UInt8(ascii: "/") {
            result.append(MailboxName(stored: String(value[..<index])))
        }
        return result
    }

    /// Whether the name is below `ancestor` in the hierarchy.
    package func isBelow(_ ancestor: MailboxName) -> Bool {
        value.utf8.count > ancestor.value.utf8.count + 1 && value.utf8.starts(with: ancestor.value.utf8)
            && value.utf8.dropFirst(ancestor.value.utf8.count).first == UInt8(ascii: "/")
    }

    /// C1 controls, line and paragraph separators (RFC 6855 3 follows RFC 5198: none of them in a name).
    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        (0x80...0x9F).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
    }

    private static func withCapitalInbox(_ name: String) -> String {
        let first = name.utf8.prefix(5)
        guard first.count == 5, first.elementsEqual("INBOX".utf8, by: { IMAPCharacter.upper($0) == $1 }),
            name.utf8.count == 5 || name.utf8.dropFirst(5).first == UInt8(ascii: "/")
        else { return name }
        return "INBOX" + String(name.dropFirst(5))
    }
}

extension MailboxName: Hashable {
    /// By bytes, as the database compares: two Unicode spellings of one letter are two names.
    package static func == (left: MailboxName, right: MailboxName) -> Bool {
        left.value.utf8.elementsEqual(right.value.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var value = value
        value.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension IMAPCursor {
    /// `mailbox` = "INBOX" / astring
    mutating func mailbox() throws(IMAPSyntaxError) -> MailboxName {
        try MailboxName(wire: try astring(), utf8: utf8)
    }

    /// For CREATE a trailing delimiter only announces that names below will follow (RFC 3501 6.3.3).
    mutating func mailboxToCreate() throws(IMAPSyntaxError) -> MailboxName {
        var bytes = try astring()
        if bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        return try MailboxName(wire: bytes, utf8: utf8)
    }
}
