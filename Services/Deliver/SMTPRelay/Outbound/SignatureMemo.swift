import MailCore
import Synchronization

/// The signatures made lately, so that a mail to a hundred domains is read and signed once.
final class SignatureMemo: Sendable {
    private static let capacity = 1_000
    private let made = Mutex<[MailID: [UInt8]]>([:])

    func find(_ mail: MailID) -> [UInt8]? { made.withLock { $0[mail] } }

    func remember(_ signature: [UInt8], of mail: MailID) {
        made.withLock { made in
            if made.count >= Self.capacity { made.removeAll(keepingCapacity: true) }
            made[mail] = signature
        }
    }
}
