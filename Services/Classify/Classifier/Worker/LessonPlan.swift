import MailCore
package import Storage

/// Decides which of the waiting lessons go into the next version.
///
/// It bounds what one person can teach, by mistake or on purpose: a number of lessons a day, one lesson for each change
/// of mind about a mail, and few of these. Lessons that a trainer has not come back from are tried in ever smaller
/// groups, then alone, and at last not any more, so that one bad mail cannot hold up the others.
package struct LessonPlan: Sendable {
    /// Lessons of one version.
    package static let lessonsPerVersion = 512
    /// What a person may change about one mail: into Junk, out, in, out. Then it is a toggle, and teaches nothing.
    package static let lessonsPerMail = 4
    package static let maximumTries = 8

    private let dailyLimit: Int
    /// When they were given.
    private var admitted: [AccountID: [Timestamp]] = [:]
    private static let day: Int64 = 86_400 * 1_000_000
    private var room = Self.lessonsPerVersion

    /// - Parameter dailyLimit: lessons of one account within 24 hours; the operator's do not count.
    package init(dailyLimit: Int) { self.dailyLimit = dailyLimit }

    package struct Choice: Sendable {
        package var accepted: [WaitingLesson] = []
        package var refused: [(event: Int64, outcome: LessonOutcome)] = []
        /// The rest waits for the next version, or for another trainer.
        package var isFull = false
    }

    /// - Parameter count: lessons that the version has already.
    package mutating func choose(from page: [WaitingLesson], besides count: Int) -> Choice {
        var choice = Choice()
        for lesson in page {
            let share = Self.share(lesson.tries)
            if lesson.isLeased || count + choice.accepted.count >= min(room, share) {
                choice.isFull = true
                return choice
            }
            if let refusal = refusal(of: lesson) {
                choice.refused.append((lesson.event, refusal))
            } else {
                room = min(room, share)
                choice.accepted.append(lesson)
            }
        }
        return choice
    }

    /// How many lessons may go with one of so many tries.
    private static func share(_ tries: Int) -> Int {
        switch tries {
        case ...0: lessonsPerVersion
        case 1: 64
        case 2: 8
        default: 1
        }
    }

    /// `nil`: it is learnt.
    private mutating func refusal(of lesson: WaitingLesson) -> LessonOutcome? {
        guard lesson.tries < Self.maximumTries else { return .failed }
        guard lesson.bytes != nil else { return .gone }
        if lesson.isSuperseded { return .superseded }
        guard let account = lesson.account, lesson.source != .operatorTraining else { return nil }
        if lesson.learntBefore.label == lesson.label || lesson.learntBefore.times >= Self.lessonsPerMail {
            return .repeated
        }
        let dayBefore = lesson.notedAt.microseconds - Self.day
        let before = admitted[account, default: []].count { $0.microseconds > dayBefore }
        guard lesson.learntInADay + before < dailyLimit else { return .overLimit }
        admitted[account, default: []].append(lesson.notedAt)
        return nil
    }
}
