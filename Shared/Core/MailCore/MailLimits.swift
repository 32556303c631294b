/// Limits that every way into the server agrees on.
package enum MailLimits {
    /// Octets of one mail, by SMTP and by APPEND, unless the settings say otherwise: what was accepted can be copied.
    package static let messageSize = 67_108_864
}
