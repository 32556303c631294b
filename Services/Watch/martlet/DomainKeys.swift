import DKIM
import Diagnosis
import MailCore
import Storage

/// A domain's signing keys, between their store and their algorithms.
enum DomainKeys {
    /// A new pair, named after the day: RSA, which every verifier takes, and Ed25519.
    static func make() throws -> [DomainKeyStore.NewKey] {
        let day = moment(Timestamp.now()).prefix(10).filter { $0 != "-" }
        return try [(DKIMAlgorithm.rsa, "r"), (.ed25519, "e")].map { algorithm, letter in
            let key = try DKIMPrivateKey.generate(algorithm)
            return DomainKeyStore.NewKey(
                selector: "\(letter)\(day)", algorithm: algorithm.rawValue, privateKey: key.stored,
                publicKey: key.publicKey)
        }
    }

    /// What should be in the DNS: all but the retired ones.
    static func planned(_ keys: [DomainKeyStore.Listed]) -> [DomainPlan.Key] {
        keys.compactMap { key in
            guard key.state != .retired, let algorithm = DKIMAlgorithm(rawValue: key.algorithm) else { return nil }
            return DomainPlan.Key(
                selector: key.selector, algorithm: algorithm, publicKey: key.publicKey, isWaiting: key.state == .waiting
            )
        }
    }
}
