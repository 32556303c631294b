/// The name of a mailbox, decoded; levels are divided by `/`. INBOX is in capitals, however it was sent
/// (RFC 3501 5.1); everything else is compared byte for byte.
package struct MailboxName: Sendable, Hashable, CustomStringConvertible {
    /// UTF-8; what the database stores.
    package let value: String

    package static let delimiter: Character = "/"
    package static let inbox = MailboxName(stored: "INBOX")

    /// A name that was checked when it was made.
    package init(stored: String) { value = stored }

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
}
