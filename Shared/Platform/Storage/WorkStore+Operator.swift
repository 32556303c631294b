package import MailCore
import PostgreSQL

/// What an operator sees of the unfinished work, and can ask for.
extension WorkStore {
    package struct StageCount: Sendable, Hashable, Codable {
        package let stage: String
        package let waiting: Int64
        package let parked: Int64
        /// Age of the oldest row in seconds.
        package let oldestSeconds: Double?

        package init(stage: String, waiting: Int64, parked: Int64, oldestSeconds: Double?) {
            self.stage = stage
            self.waiting = waiting
            self.parked = parked
            self.oldestSeconds = oldestSeconds
        }
    }

    package struct ParkedMail: Sendable, Hashable, Codable {
        package let mail: MailID
        package let recipient: Int
        package let stage: String
        package let attempts: Int
        package let parkedSeconds: Double
        package let lastError: String?

        package init(
            mail: MailID, recipient: Int, stage: String, attempts: Int, parkedSeconds: Double, lastError: String?
        ) {
            self.mail = mail
            self.recipient = recipient
            self.stage = stage
            self.attempts = attempts
            self.parkedSeconds = parkedSeconds
            self.lastError = lastError
        }
    }

    /// Counts everything: for a command or a page, not for a path.
    package func counts() async throws -> [StageCount] {
        try await pool.withConnection { connection in
            try connection.execute(Self.count).map { row in
                StageCount(
                    stage: Stage(rawValue: try row.int2(0))?.description ?? "unknown", waiting: try row.int8(1),
                    parked: try row.int8(2), oldestSeconds: try row.optionalFloat8(3))
            }
        }
    }

    /// Longest parked first.
    package func parked(limit: Int) async throws -> [ParkedMail] {
        try await pool.withConnection { connection in
            try connection.execute(Self.listParked, [.int4(Int32(clamping: limit))]).map { row in
                ParkedMail(
                    mail: try row.mailID(0), recipient: Int(try row.int4(1)),
                    stage: Stage(rawValue: try row.int2(2))?.description ?? "unknown", attempts: Int(try row.int2(3)),
                    parkedSeconds: try row.float8(4), lastError: try row.optionalText(5))
            }
        }
    }

    /// Makes the work of these mails due at once, parked work included; its tries begin anew. The sweeper tells the
    /// stages.
    /// - Returns: how many rows.
    package func reissue(_ mails: [MailID]) async throws -> Int {
        let ids = mails.map { (high: $0.uuid.high, low: $0.uuid.low) }
        return try await pool.transaction { connection in
            try connection.execute(Self.reissueRows, [.uuidArray(ids)]).affected
        }
    }

    private static let count = PreparedStatement(
        "work_count",
        """
        SELECT stage, count(*) FILTER (WHERE parked_at IS NULL), count(parked_at),
            extract(epoch FROM now() - min(created_at))::float8
        FROM work GROUP BY stage ORDER BY stage
        """)

    private static let listParked = PreparedStatement(
        "work_list_parked",
        """
        SELECT mail_id, recipient, stage, attempts, extract(epoch FROM now() - parked_at)::float8, last_error
        FROM work WHERE parked_at IS NOT NULL ORDER BY parked_at LIMIT $1
        """)

    private static let reissueRows = PreparedStatement(
        "work_reissue",
        """
        WITH locked AS MATERIALIZED (
            SELECT mail_id, recipient, stage FROM work WHERE mail_id = ANY ($1::uuid[])
            ORDER BY mail_id, recipient, stage FOR UPDATE
        )
        UPDATE work SET parked_at = NULL, attempts = 0, next_hint_at = now(), hint_interval = interval '10 s'
        FROM locked
        WHERE work.mail_id = locked.mail_id AND work.recipient = locked.recipient AND work.stage = locked.stage
        """)
}
