/// Where a mail came from; it decides which rules apply. Raw values are stored.
package enum MailOrigin: Int16, Sendable, Codable, CaseIterable {
    /// From another mail server, port 25.
    case mx = 1
    /// From an authenticated user (RFC 6409).
    case submission = 2
    /// Written into a mailbox by IMAP APPEND; never classified.
    case append = 3
    /// A delivery status notification we made (RFC 3464).
    case dsn = 4
    /// A copy passed on by a user's rule.
    case forward = 5
}
