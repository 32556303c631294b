package import MailCore
import PostgreSQL

/// A lesson that waits, with what is known of its mail.
package struct WaitingLesson: Sendable {
    package let event: Int64
    /// `nil`: a sample of the operator's.
    package var mail: MailID?
    /// `nil`: the operator.
    package var account: AccountID?
    package var source: LessonSource
    package var label: Verdict.Label
    package var category: Verdict.Category?
    /// The same person says something else of the same mail in a later lesson.
    package var isSuperseded = false
    /// What was learnt last from this person about this mail, and how often.
    package var learntBefore: (label: Verdict.Label?, times: Int) = (nil, 0)
    package var notedAt = Timestamp(microseconds: 0)
    /// Lessons learnt from this person in the day up to this one.
    package var learntInADay = 0
    package var origin = MailOrigin.mx
    /// Empty: the null sender.
    package var envelopeFrom = ""
    /// `MessageSummary`, encoded; empty for a sample.
    package var summary: [UInt8] = []
    /// The mail from its first byte; `nil`: it is gone.
    package var bytes: [UInt8]?
    /// How many trainers have begun with it and not come back.
    package var tries = 0
    /// One is at it now.
    package var isLeased = false

    package init(event: Int64, account: AccountID?, source: LessonSource, label: Verdict.Label, bytes: [UInt8]?) {
        self.event = event
        self.account = account
        self.source = source
        self.label = label
        self.bytes = bytes
    }

    /// For the books, once it is learnt.
    package var withoutMail: WaitingLesson {
        var lesson = self
        (lesson.summary, lesson.bytes) = ([], nil)
        return lesson
    }

    /// The columns of `LearnStore.waiting`.
    init(_ row: PostgresRow) throws {
        self.init(
            event: try row.int8(0), account: try row.optionalInt8(2).map(AccountID.init),
            source: LessonSource(rawValue: try row.int2(3)) ?? .intoJunk,
            label: Verdict.Label(rawValue: try row.text(4)) ?? .ham, bytes: try row.optionalBytes(13))
        mail = try row.optionalUUID(1).map { MailID(UUIDv7(high: $0.high, low: $0.low)) }
        category = try row.optionalText(5).flatMap(Verdict.Category.init(rawValue:))
        isSuperseded = try row.bool(6)
        let before = try row.optionalText(7).flatMap(Verdict.Label.init(rawValue:))
        learntBefore = (before, Int(try row.int8(8)))
        learntInADay = Int(try row.int8(9))
        origin = try row.isNull(10) ? .mx : MailOrigin(rawValue: row.int2(10)) ?? .mx
        envelopeFrom = try row.optionalText(11) ?? ""
        summary = try row.optionalBytes(12) ?? []
        tries = Int(try row.int2(14))
        isLeased = try row.bool(15)
        notedAt = Timestamp(microseconds: try row.timestamp(16))
    }
}
