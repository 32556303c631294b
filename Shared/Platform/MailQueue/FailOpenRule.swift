package import MailCore

/// When mails go on without a verdict. A value without I/O; fed once per pass of the sweeper.
///
/// 30 s without a verdict; 5 min while a classifyd is alive and only the queue is long. A classifyd counts as alive
/// while its queue has a consumer and one of the oldest waiting mails got its verdict within the last 30 s; an idle
/// system thus gives a lone mail 30 s. The clock starts at acceptance or at the broker's return, whichever is later.
package struct FailOpenRule: Sendable {
    package static let patience: Duration = .seconds(30)
    package static let patienceWhileAlive: Duration = .seconds(300)
    /// So many of the oldest mails are watched for progress; more than one, as the first may be the one that hangs.
    package static let watched = 32

    private var waiting: Set<MailID> = []
    private var lastProgress: ContinuousClock.Instant?

    package init() {}

    /// - Parameter oldest: the mails that wait longest for a verdict, at most `watched`.
    package mutating func observe(_ oldest: [MailID], at now: ContinuousClock.Instant) {
        let present = Set(oldest)
        // What has left the list got its verdict: older ones cannot appear, and what we promote is taken out before.
        if !waiting.isSubset(of: present) { lastProgress = now }
        waiting = present
    }

    /// These left without a verdict, by our own doing; that is no progress.
    package mutating func promoted(_ mails: [MailID]) { waiting.subtract(mails) }

    /// Mails older than this go on; `nil` while the broker is away or not long enough back.
    /// - Parameters:
    ///   - consumers: of the classify queue; `nil` if the broker did not say.
    ///   - brokerSince: when the broker came back; `nil` while it is away.
    package func threshold(
        consumers: Int?, brokerSince: ContinuousClock.Instant?, at now: ContinuousClock.Instant
    ) -> Duration? {
        guard let brokerSince else { return nil }
        let patience = isAlive(consumers: consumers, at: now) ? Self.patienceWhileAlive : Self.patience
        return now - brokerSince >= patience ? patience : nil
    }

    package func isAlive(consumers: Int?, at now: ContinuousClock.Instant) -> Bool {
        guard let consumers, consumers > 0, let lastProgress else { return false }
        return now - lastProgress < Self.patience
    }
}
