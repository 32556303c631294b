import MailWire

/// The mechanisms offered. Both send the password in the clear, so both need TLS underneath.
package enum SASLMechanism: String, Sendable, CaseIterable {
    /// RFC 4616
    case plain = "PLAIN"
    /// Never standardised beyond a draft; many clients know only this one.
    case login = "LOGIN"

    /// Mechanism names are ASCII, in any letter case (RFC 4422 3.1).
    package init?(_ name: some Collection<UInt8>) {
        guard name.count <= 20,
            let found = Self.allCases.first(where: { ASCII.equalsIgnoringCase(Array(name), Array($0.rawValue.utf8)) })
        else { return nil }
        self = found
    }
}
