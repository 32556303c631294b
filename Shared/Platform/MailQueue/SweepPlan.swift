package import MailCore
package import Storage

/// What the sweeper does next, decided from what it sees. A value without I/O.
package struct SweepPlan: Sendable, Hashable {
    /// With so many hints in its queue a stage has enough to do; more would only be doubles.
    package static let deepQueue = 32
    /// Rows claimed of one stage in one go: 50 hints.
    package static let claim = 6_400
    /// The longest sleep: a new row has its first hint 10 s after acceptance, so none is overlooked.
    package static let idle: Duration = .seconds(5)
    /// The shortest: not more than one look per second, whatever is due.
    package static let busy: Duration = .seconds(1)

    /// Stages with overdue hints.
    package var dueStages: [Stage]
    /// Whether the classify queue must be asked for its consumers: a mail waits too long for its verdict.
    package var asksForConsumers: Bool
    /// Until the next look, if nothing is left over from this one.
    package var sleep: Duration

    package init(outlook: WorkStore.Outlook) {
        dueStages = Stage.allCases.filter { stage in outlook.untilDue[stage].map { $0 <= .zero } ?? false }
        asksForConsumers = outlook.oldestAge.map { $0 >= FailOpenRule.patience } ?? false
        var next = outlook.untilDue.values.filter { $0 > .zero }
        if let age = outlook.oldestAge, age < FailOpenRule.patience { next.append(FailOpenRule.patience - age) }
        // Overdue work is looked at every second: its hints may be on their way, or its queue deep.
        let hasOverdue = !dueStages.isEmpty || asksForConsumers
        sleep = hasOverdue ? Self.busy : max(Self.busy, min(Self.idle, next.min() ?? Self.idle))
    }

    /// Whether a stage whose queue looks like this is told of due work.
    package static func tells(messages: Int?) -> Bool { messages.map { $0 < deepQueue } ?? true }
}
