import Crypto
import CryptoExtras
package import MailCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A domain's signing key. Prints as `<secret>`.
///
/// Reading an RSA key from its bytes checks it, which costs more than a signature: keep it.
package struct DKIMPrivateKey: Sendable, CustomStringConvertible, CustomReflectable {
    private enum Key: Sendable {
        case rsa(_RSA.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }

    private let key: Key

    /// A new key: RSA with 2,048 bits, which every verifier takes (RFC 8301 3.2) and whose record fits into one DNS
    /// answer, or Ed25519.
    package static func generate(_ algorithm: DKIMAlgorithm) throws(DKIMError) -> DKIMPrivateKey {
        switch algorithm {
        case .rsa:
            guard let key = try? _RSA.Signing.PrivateKey(keySize: .bits2048) else { throw .unusableKey }
            return DKIMPrivateKey(key: .rsa(key))
        case .ed25519: return DKIMPrivateKey(key: .ed25519(Curve25519.Signing.PrivateKey()))
        }
    }

    private init(key: Key) { self.key = key }

    /// - Parameter stored: what `stored` gave.
    package init(_ algorithm: DKIMAlgorithm, stored: Secret<[UInt8]>) throws(DKIMError) {
        switch algorithm {
        case .rsa:
            guard let key = try? _RSA.Signing.PrivateKey(derRepresentation: stored.reveal()) else { throw .unusableKey }
            self.key = .rsa(key)
        case .ed25519:
            guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: stored.reveal()) else {
                throw .unusableKey
            }
            self.key = .ed25519(key)
        }
    }

    package var algorithm: DKIMAlgorithm {
        switch key {
        case .rsa: .rsa
        case .ed25519: .ed25519
        }
    }

    /// RSA: PKCS#8 in DER; Ed25519: the 32 bytes of the seed (RFC 8032 5.1.5).
    package var stored: Secret<[UInt8]> {
        switch key {
        case .rsa(let key): Secret(Array(key.pkcs8DERRepresentation))
        case .ed25519(let key): Secret(Array(key.rawRepresentation))
        }
    }

    /// What `p=` holds: for RSA a SubjectPublicKeyInfo in DER (RFC 6376 3.6.1 and its erratum 3017), for Ed25519 the 32
    /// bytes of the key (RFC 8463 4.2).
    package var publicKey: [UInt8] {
        switch key {
        case .rsa(let key): Array(key.publicKey.derRepresentation)
        case .ed25519(let key): Array(key.publicKey.rawRepresentation)
        }
    }

    /// RFC 6376 3.3.1: PKCS#1 v1.5 over the SHA-256; RFC 8463 3: Ed25519 of the SHA-256's bytes.
    func signature(over bytes: [UInt8]) throws(DKIMError) -> [UInt8] {
        let digest = SHA256.hash(data: bytes)
        switch key {
        case .rsa(let key):
            guard let signature = try? key.signature(for: digest, padding: .insecurePKCS1v1_5) else {
                throw .signingFailed
            }
            return Array(signature.rawRepresentation)
        case .ed25519(let key):
            guard let signature = try? key.signature(for: Array(digest)) else { throw .signingFailed }
            return Array(signature)
        }
    }

    package var description: String { "<secret>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
