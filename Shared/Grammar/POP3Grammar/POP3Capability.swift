/// A line of the answer to CAPA (RFC 2449 5), with the standard that says what it promises.
package enum POP3Capability: String, Sendable, CaseIterable {
    /// RFC 2449 6.1
    case top = "TOP"
    /// RFC 2449 6.2
    case user = "USER"
    /// RFC 5034 3
    case saslPlain = "SASL PLAIN"
    /// RFC 2449 6.4: what stands in brackets behind `-ERR` is a code.
    case responseCodes = "RESP-CODES"
    /// RFC 3206 6: `[AUTH]` and nothing else says that the credentials were wrong.
    case authenticationCodes = "AUTH-RESP-CODE"
    /// RFC 2449 6.6: commands may be sent without waiting for answers.
    case pipelining = "PIPELINING"
    /// RFC 2449 6.7: the server removes no message by itself.
    case neverExpires = "EXPIRE NEVER"
    /// RFC 2449 6.8
    case uidl = "UIDL"
    /// RFC 2595 4
    case stls = "STLS"
    /// RFC 2449 6.9
    case implementation = "IMPLEMENTATION Martlet"

    /// RFC 2449 5: what is there in AUTHORIZATION is announced in both states; STLS alone is of AUTHORIZATION only
    /// (RFC 2595 4). A password is taken under TLS alone (RFC 8314 4).
    package static func offered(isSecure: Bool, offersTLS: Bool, isLoggedIn: Bool) -> [POP3Capability] {
        var offered: [POP3Capability] = [
            .top, .uidl, .responseCodes, .authenticationCodes, .pipelining, .neverExpires, .implementation,
        ]
        if isSecure { offered += [.user, .saslPlain] } else if offersTLS, !isLoggedIn { offered.append(.stls) }
        return offered
    }
}
