/// RFC 6376 3.3.1 and RFC 8463 3: the `a=` of a signature. rsa-sha1 is history (RFC 8301).
package enum DKIMAlgorithm: String, Sendable, CaseIterable {
    case rsa = "rsa-sha256"
    case ed25519 = "ed25519-sha256"

    /// The `k=` of the key record.
    package var keyType: String {
        switch self {
        case .rsa: "rsa"
        case .ed25519: "ed25519"
        }
    }
}
