import Synchronization

/// One submitted mail and who waits for its outcome. Answered exactly once, by whoever comes first.
final class AcceptanceTicket: Sendable {
    /// A commit that starts later than this before the deadline would be answered too late.
    private static let reserve = Duration.seconds(1)

    let mail: AcceptedMail
    let deadline: ContinuousClock.Instant
    private let continuation: Mutex<CheckedContinuation<AcceptanceOutcome, Never>?>

    init(
        mail: AcceptedMail, deadline: ContinuousClock.Instant,
        continuation: CheckedContinuation<AcceptanceOutcome, Never>
    ) {
        self.mail = mail
        self.deadline = deadline
        self.continuation = Mutex(continuation)
    }

    var isSettled: Bool { continuation.withLock { $0 == nil } }

    /// Somebody still waits, and there is time for a commit.
    var isWanted: Bool { !isSettled && deadline - .now > Self.reserve }

    func settle(_ outcome: AcceptanceOutcome) {
        let waiting = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        waiting?.resume(returning: outcome)
    }
}
