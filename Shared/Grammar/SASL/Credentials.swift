package import MailCore

/// What a client claims: a name and the password for it. The password cannot be printed.
package struct Credentials: Sendable {
    /// As sent; UTF-8, without NUL, never empty.
    package let identity: String
    package let password: Secret<[UInt8]>

    package init(identity: String, password: Secret<[UInt8]>) {
        self.identity = identity
        self.password = password
    }

    /// Longer names and passwords belong to nobody.
    static let longestIdentity = 320
    static let longestPassword = 1024

    /// `nil` unless both have a sane length and the name is UTF-8 without control characters.
    package init?(identity: some Collection<UInt8>, password: some Collection<UInt8>) {
        guard !identity.isEmpty, identity.count <= Self.longestIdentity, password.count <= Self.longestPassword,
            !password.isEmpty, !password.contains(0), identity.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
            let name = String(validating: identity, as: UTF8.self)
        else { return nil }
        self.init(identity: name, password: Secret(Array(password)))
    }
}
