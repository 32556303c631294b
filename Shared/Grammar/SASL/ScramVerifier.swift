import Crypto
import CryptoExtras
import MailWire

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What is stored instead of a password: a SCRAM-SHA-256 verifier (RFC 5803 3, RFC 7677).
///
/// Text form `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the parts after the scheme in base64. One
/// record serves PLAIN, LOGIN and SCRAM.
package struct ScramVerifier: Sendable, Equatable {
    package static let defaultIterations = 4096
    /// A record that asks for more would be a way to stall logins.
    package static let maximumIterations = 1_000_000

    package let iterations: Int
    package let salt: [UInt8]
    package let storedKey: [UInt8]
    package let serverKey: [UInt8]

    /// The text to store for a new password, with a salt of its own.
    package static func make(password: String, iterations: Int = defaultIterations) -> String {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return ScramVerifier(password: Array(password.utf8), salt: salt, iterations: iterations).description
    }

    /// True when the password belongs to the stored text. Takes the same time whatever the difference is.
    package static func verify(password: some Collection<UInt8>, verifier: String) -> Bool {
        guard let verifier = ScramVerifier(verifier) else { return false }
        return verifier.matches(password)
    }

    package static func verify(password: String, verifier: String) -> Bool {
        verify(password: password.utf8, verifier: verifier)
    }

    /// Work that a login for an unknown name does too, so that time does not tell which names exist.
    package static let decoy = ScramVerifier(
        password: [], salt: Array("no such account!".utf8), iterations: defaultIterations)

    package init(password: some Collection<UInt8>, salt: [UInt8], iterations: Int) {
        let salted = Self.saltedPassword(Array(password), salt: salt, iterations: iterations)
        let clientKey = HMAC<SHA256>.authenticationCode(for: Array("Client Key".utf8), using: salted)
        self.iterations = iterations
        self.salt = salt
        self.storedKey = Array(SHA256.hash(data: Array(clientKey)))
        self.serverKey = Array(HMAC<SHA256>.authenticationCode(for: Array("Server Key".utf8), using: salted))
    }

    package func matches(_ password: some Collection<UInt8>) -> Bool {
        let candidate = ScramVerifier(password: password, salt: salt, iterations: iterations)
        return constantTimeEquals(candidate.storedKey, storedKey)
    }

    /// RFC 5802 3: `Hi(Normalize(password), salt, i)`. The password is taken as the bytes it is in UTF-8.
    private static func saltedPassword(_ password: [UInt8], salt: [UInt8], iterations: Int) -> SymmetricKey {
        do {
            return try KDF.Insecure.PBKDF2.deriveKey(
                from: password, salt: salt, using: .sha256, outputByteCount: 32, unsafeUncheckedRounds: iterations)
        } catch {
            // Only a length or count that `init?` refuses can get here; a random key matches nothing.
            return SymmetricKey(size: .bits256)
        }
    }
}

extension ScramVerifier: CustomStringConvertible {
    private static let scheme = "SCRAM-SHA-256"

    package var description: String {
        func text(_ bytes: [UInt8]) -> String { String(decoding: Base64.encode(bytes), as: UTF8.self) }
        return "\(Self.scheme)$\(iterations):\(text(salt))$\(text(storedKey)):\(text(serverKey))"
    }

    package init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.scheme else { return nil }
        let head = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        let keys = parts[2].split(separator: ":", omittingEmptySubsequences: false)
        guard head.count == 2, keys.count == 2, let iterations = Int(head[0]), iterations > 0,
            iterations <= Self.maximumIterations, let salt = Base64.decodeStrict(Array(head[1].utf8)), !salt.isEmpty,
            let storedKey = Base64.decodeStrict(Array(keys[0].utf8)), storedKey.count == 32,
            let serverKey = Base64.decodeStrict(Array(keys[1].utf8)), serverKey.count == 32
        else { return nil }
        self.iterations = iterations
        self.salt = salt
        self.storedKey = storedKey
        self.serverKey = serverKey
    }
}

/// Looks at every byte whatever the first ones are (CVE-2026-27856).
package func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (a, b) in zip(left, right) { difference |= a ^ b }
    return difference == 0
}
