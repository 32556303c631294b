package import MailCore
import PostgreSQL

extension MailTrace {
    /// What somebody said of this mail.
    package struct Lesson: Sendable, Codable {
        /// `nil`: the operator.
        package let account: Int64?
        package let label: String
        package let source: String
        package let at: String
        /// `waiting`, or a `LessonOutcome`.
        package let outcome: String
        /// The first model version that knows it.
        package let model: Int64?
    }

    /// What the model had learnt when it judged this mail, since it was installed.
    package struct Learning: Sendable, Codable {
        package let model: Int64
        package let lessons: Int64
        package let ham: Int64
        package let spam: Int64
        /// Of them, those on mail from the same domain; at most `nearLimit` are counted.
        package let nearHam: Int
        package let nearSpam: Int
        /// The newest of these.
        package let nearMails: [MailID]

        package static let nearLimit = 1000
    }
}

extension MailTrace.Lesson {
    /// The columns of `MailTraceStore.loadLessons`.
    init(_ row: PostgresRow) throws {
        account = try row.optionalInt8(0)
        label = try row.text(1)
        source =
            switch LessonSource(rawValue: try row.int2(2)) {
            case .intoJunk?: "moved into Junk"
            case .outOfJunk?: "taken out of Junk"
            case .operatorTraining?: "martlet train"
            case nil: "unknown"
            }
        at = clock(try row.timestamp(3))
        outcome = try row.optionalText(4) ?? "waiting"
        model = try row.optionalInt8(5)
    }
}

extension MailTrace.Learning {
    /// The columns of `loadLearning`, and the rows of `loadNear`.
    init(_ row: PostgresRow, near: PostgresRows) throws {
        model = try row.int8(0)
        lessons = try row.int8(1)
        ham = try row.int8(2)
        spam = lessons - ham
        var wanted = 0
        var mails: [MailID] = []
        for other in near {
            if mails.count < 5 { mails.append(try other.mailID(0)) }
            if try other.text(1) == Verdict.Label.ham.rawValue { wanted += 1 }
        }
        nearHam = wanted
        nearSpam = near.count - wanted
        nearMails = mails
    }
}

extension MailTraceStore {
    static let loadLessons = PreparedStatement(
        "trace_load_lessons",
        """
        SELECT account_id, label, source, noted_at, outcome, learnt_version FROM learn_event
        WHERE mail_id = $1 ORDER BY event_id LIMIT 100
        """)

    static let loadLearning = PreparedStatement(
        "trace_load_learning",
        """
        SELECT verdict.model_version, known.lessons, known.ham FROM verdict CROSS JOIN LATERAL (
            SELECT count(*) AS lessons, count(*) FILTER (WHERE label = 'ham') AS ham FROM learn_event
            WHERE outcome = 'learnt' AND kind = 'spam' AND learnt_version <= verdict.model_version
        ) AS known
        WHERE verdict.mail_id = $1
        """)

    /// Lessons that the judging version knew, on mail from the same domain; the newest first.
    static let loadNear = PreparedStatement(
        "trace_load_near",
        """
        SELECT lesson.mail_id, lesson.label FROM (
            SELECT mail_id, label, event_id FROM learn_event
            WHERE outcome = 'learnt' AND kind = 'spam' AND mail_id IS NOT NULL AND mail_id <> $1
                AND learnt_version <= (SELECT model_version FROM verdict WHERE mail_id = $1)
            ORDER BY learnt_version DESC, event_id DESC LIMIT 1000
        ) AS lesson
        CROSS JOIN LATERAL (SELECT envelope_from FROM mail WHERE mail.mail_id = lesson.mail_id LIMIT 1) AS other
        WHERE split_part(other.envelope_from, '@', 2)
            = (SELECT nullif(split_part(envelope_from, '@', 2), '') FROM mail WHERE mail_id = $1)
        ORDER BY lesson.event_id DESC
        """)
}
