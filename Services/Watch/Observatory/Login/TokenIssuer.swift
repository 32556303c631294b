import Crypto
import JWTKit
package import MailCore
import Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Signs and reads tokens (RFC 7519) with one key, ES256 and nothing else: what a token says of its own algorithm or
/// key (`alg`, `kid`, `jwk`, `jku`) decides nothing.
package struct TokenIssuer: Sendable {
    package static let lifetime: Int64 = 8 * 3600
    /// Ours are about 500 bytes; longer ones are not looked at, so that no nesting in them can be deep.
    private static let longestToken = 1024
    private static let longestHeader = 128

    private let keys: JWTKeyCollection

    /// - Parameter key: a P-256 private key, 32 bytes.
    package init(key: Secret<[UInt8]>) async throws {
        let key = try P256.Signing.PrivateKey(rawRepresentation: key.reveal())
        keys = JWTKeyCollection()
        await keys.add(ecdsa: try ES256PrivateKey(backing: key))
    }

    package static func makeKey() -> Secret<[UInt8]> { Secret([UInt8](P256.Signing.PrivateKey().rawRepresentation)) }

    struct Issued: Sendable {
        let token: String
        let expiresAt: Timestamp
    }

    func issue(_ viewer: Viewer, mark: String, lifetime: Int64 = Self.lifetime, now: Timestamp = .now()) async throws
        -> Issued
    {
        let expiry = Timestamp(seconds: now.seconds + lifetime)
        let subject =
            switch viewer.subject {
            case .account(let account): "\(account.value)"
            case .admin(let name): name
            }
        let claims = TokenClaims(
            iss: IssuerClaim(value: TokenClaims.issuer), aud: AudienceClaim(value: [TokenClaims.issuer]),
            exp: ExpirationClaim(value: Date(timeIntervalSince1970: Double(expiry.seconds))),
            iat: IssuedAtClaim(value: Date(timeIntervalSince1970: Double(now.seconds))),
            jti: IDClaim(value: UUIDv7.next(at: now).description), sub: SubjectClaim(value: subject),
            role: viewer.role.rawValue, name: viewer.name, mark: mark)
        return Issued(token: try await keys.sign(claims), expiresAt: expiry)
    }

    /// `nil` for whatever is no token of ours that is valid now; why is nobody's business.
    func read(_ token: String) async -> TokenClaims? {
        let bytes = Array(token.utf8)
        guard bytes.count <= Self.longestToken,
            let header = bytes.firstIndex(of: UInt8(ascii: ".")), header <= Self.longestHeader,
            bytes.allSatisfy({ $0 < 0x80 })
        else { return nil }
        // Any error means the same.
        return try? await keys.verify(bytes, as: TokenClaims.self)
    }
}
