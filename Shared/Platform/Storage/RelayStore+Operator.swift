import MailCore
import PostgreSQL

/// What an operator sees of outbound mail. Read with the owner's rights.
extension RelayStore {
    package struct Destination: Sendable, Hashable, Codable {
        package let domain: String
        package let copies: Int64
        /// Being delivered to just now.
        package let connections: Int64
        /// When it is looked at next; `nil`: now.
        package let nextAt: String?
        /// Failures in a row of the domain as a whole.
        package let failures: Int
        package let lastReply: String?
    }

    /// Domains that mail waits for, the fullest first. Counts everything: for a command, not for a path.
    package func destinations(limit: Int) async throws -> [Destination] {
        try await pool.withConnection { connection in
            try connection.execute(Self.listDestinations, [.int4(Int32(clamping: limit))]).map { row in
                Destination(
                    domain: try row.text(0), copies: try row.int8(1), connections: try row.int8(2),
                    nextAt: try row.optionalTimestamp(3).map(clock), failures: Int(try row.int4(4)),
                    lastReply: try row.optionalText(5))
            }
        }
    }

    private static let listDestinations = PreparedStatement(
        "relay_list_destinations",
        """
        SELECT waiting.domain, waiting.copies,
            (SELECT count(*) FROM relay_lease l WHERE l.domain = waiting.domain),
            CASE WHEN d.next_at > now() THEN d.next_at END, coalesce(d.failures, 0), d.last_reply
        FROM (SELECT domain, count(*) AS copies FROM relay_copy GROUP BY domain) AS waiting
        LEFT JOIN relay_destination d ON d.domain = waiting.domain
        ORDER BY waiting.copies DESC, waiting.domain LIMIT $1
        """)
}
