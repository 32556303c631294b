import Synchronization

/// Remembers a wake-up until it is taken, so that many of them cost one trip to the event loop.
final class WakeFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    /// True when it was down.
    func raise() -> Bool { !flag.exchange(true, ordering: .acquiringAndReleasing) }

    /// True when it was up.
    func take() -> Bool { flag.exchange(false, ordering: .acquiringAndReleasing) }

    var isRaised: Bool { flag.load(ordering: .acquiring) }
}
