import MailCore

/// Where a lesson comes from; it decides how much it counts. Raw values are stored in `learn_event.source`.
package enum LessonSource: Int16, Sendable, CaseIterable {
    /// A person moved or copied the mail into Junk.
    case intoJunk = 1
    /// A person took the mail out of Junk.
    case outOfJunk = 2
    /// The operator brought it with `martlet train`.
    case operatorTraining = 3

    /// A mail wrongly in Junk costs its reader more than one wrongly in Inbox.
    package var weight: Double {
        switch self {
        case .intoJunk: 1
        case .outOfJunk: 1.5
        case .operatorTraining: 1
        }
    }
}

/// What became of a lesson. Raw values are stored in `learn_event.outcome`.
package enum LessonOutcome: String, Sendable, CaseIterable {
    case learnt
    /// The same person said something else of the same mail before this was learnt.
    case superseded
    /// It says what was already learnt from the same person about the same mail, or that person keeps changing sides.
    case repeated
    /// The person had taught as much as a day allows.
    case overLimit = "over-limit"
    /// The mail was deleted before it was learnt.
    case gone
    /// Trainers have died of it, time and again.
    case failed
}
