import LineServer

extension LineListener {
    /// The roles are those that `AccessSettings` gives out: imap, imaps, pop3, pop3s.
    var isPOP3: Bool { role.hasPrefix("pop3") }
}
