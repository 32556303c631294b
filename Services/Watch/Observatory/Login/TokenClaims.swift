import JWTKit
import MailCore
import Storage

/// What a token says. Nothing in it is secret, and nothing in it is believed before its signature is.
struct TokenClaims: JWTPayload, Hashable {
    static let issuer = "martlet"

    let iss: IssuerClaim
    let aud: AudienceClaim
    let exp: ExpirationClaim
    let iat: IssuedAtClaim
    let jti: IDClaim
    /// An account's number, or an admin's name.
    let sub: SubjectClaim
    let role: String
    let name: String
    /// Changes with the password.
    let mark: String

    func verify(using algorithm: some JWTAlgorithm) throws {
        try exp.verifyNotExpired()
        try aud.verifyIntendedAudience(includes: Self.issuer)
        guard iss.value == Self.issuer else {
            throw JWTError.claimVerificationFailure(failedClaim: iss, reason: "not ours")
        }
    }

    var id: UUIDv7? { UUIDv7(jti.value) }

    var viewer: Viewer? {
        switch Viewer.Role(rawValue: role) {
        case .admin: Viewer(name: name, subject: .admin(sub.value))
        case .account: Int64(sub.value).map { Viewer(name: name, subject: .account(AccountID($0))) }
        case nil: nil
        }
    }

    static func == (left: TokenClaims, right: TokenClaims) -> Bool { left.jti.value == right.jti.value }
    func hash(into hasher: inout Hasher) { hasher.combine(jti.value) }
}
