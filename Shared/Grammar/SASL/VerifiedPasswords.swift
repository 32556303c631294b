import Crypto
import Synchronization

/// Remembers which passwords were verified against which stored text, so that a client that reconnects often does not
/// cost 4,096 hashes each time. A changed password changes the stored text and so is never found here.
///
/// Neither is kept: only their HMAC under a key of this process.
package final class VerifiedPasswords: Sendable {
    package typealias Mark = [UInt8]

    private static let capacity = 10_000
    private let key = SymmetricKey(size: .bits256)
    private let marks = Mutex<Set<Mark>>([])

    package init() {}

    package func mark(password: [UInt8], verifier: String) -> Mark {
        var hash = HMAC<SHA256>(key: key)
        hash.update(data: Array(verifier.utf8))
        hash.update(data: [0])
        hash.update(data: password)
        return Array(hash.finalize())
    }

    package func contains(_ mark: Mark) -> Bool { marks.withLock { $0.contains(mark) } }

    package func insert(_ mark: Mark) {
        marks.withLock { marks in
            if marks.count >= Self.capacity { marks.removeAll() }
            marks.insert(mark)
        }
    }

    /// Forgets everything; called every few minutes.
    package func clear() { marks.withLock { $0.removeAll() } }
}
