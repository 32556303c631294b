package import MailCore
package import PostgreSQL

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One mail that waits for a verdict, with what a classifier looks at.
package struct ClassifyMail: Sendable {
    package let mail: MailID
    package let receivedAt: Timestamp
    package let origin: MailOrigin
    /// Empty: the null sender.
    package let envelopeFrom: String
    /// `MessageSummary`, encoded.
    package let summary: [UInt8]
    /// The mail from its first byte, at most as much as was asked for.
    package let bytes: [UInt8]
}

/// Finishes the classify stage.
///
/// A batch is one query and one transaction of one round trip. The deletion of the work row drives everything else,
/// so a hint that comes late or twice writes nothing, and a verdict is never overwritten.
package struct ClassifyStore: Sendable {
    private let pool: PostgresPool
    private static let attempts = 4

    package init(pool: PostgresPool) { self.pool = pool }

    /// What a mail waits for next.
    package struct Finished: OptionSet, Sendable, Hashable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        /// Copies that wait to be filed.
        package static let file = Finished(rawValue: 1)
        /// Copies that wait to leave for other hosts.
        package static let relay = Finished(rawValue: 2)
        /// Its copies were filed without a verdict before; now that waits to be applied.
        package static let relabel = Finished(rawValue: 4)
    }

    /// Those of `mails` that still wait for a verdict, in the order of their ids: as many as their summaries fit into
    /// 4 MiB, at least one (usually one kilobyte a mail, about a megabyte at most: `MessageLimits`). `rest` was not looked at.
    package func waiting(
        _ mails: [MailID], bytesPerMail: Int
    ) async throws -> (mails: [ClassifyMail], rest: [MailID]) {
        let (found, total) = try await pool.withConnection { connection in
            let rows = try connection.execute(Self.read, [Self.ids(mails), .int4(Int32(clamping: bytesPerMail))])
            let mails = try rows.map { row in
                ClassifyMail(
                    mail: try row.mailID(0), receivedAt: Timestamp(microseconds: try row.timestamp(5)),
                    origin: MailOrigin(rawValue: try row.int2(1)) ?? .mx, envelopeFrom: try row.text(2),
                    summary: try row.bytes(3), bytes: try row.optionalBytes(4) ?? [])
            }
            return (mails, try rows.first?.int8(6) ?? 0)
        }
        guard let last = found.last?.mail, Int64(found.count) < total else { return (found, []) }
        return (found, mails.filter { $0 > last })
    }

    /// Writes the verdicts of mails that still wait for one.
    /// - Returns: what became of each; mails that another worker finished meanwhile are not in it.
    package func finish(_ verdicts: [(mail: MailID, verdict: Verdict)]) async throws -> [MailID: Finished] {
        guard !verdicts.isEmpty else { return [:] }
        let columns = try Self.columns(verdicts)
        let ids = Self.ids(verdicts.map(\.mail))
        for attempt in 1... {
            do {
                return try await pool.transaction { connection in
                    let results = try connection.commit(after: [(Self.lock, [ids]), (Self.write, columns)])
                    var finished: [MailID: Finished] = [:]
                    for row in results.last.map(Array.init) ?? [] {
                        var next: Finished = []
                        if try row.bool(1) { next.insert(.file) }
                        if try row.bool(2) { next.insert(.relay) }
                        if try row.bool(3) { next.insert(.relabel) }
                        finished[try row.mailID(0)] = next
                    }
                    return finished
                }
            } catch let error as PostgresError where error.sqlState?.hasPrefix("40") == true && attempt < Self.attempts
            {
                continue  // a deadlock or a serialization failure rolled everything back; the same again is right
            }
        }
        return [:]
    }

    private static func ids(_ mails: [MailID]) -> PostgresValue {
        .uuidArray(mails.map { ($0.uuid.high, $0.uuid.low) })
    }

    private static func columns(_ verdicts: [(mail: MailID, verdict: Verdict)]) throws -> [PostgresValue] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let reasons = try verdicts.map { String(decoding: try encoder.encode($0.verdict.reasons), as: UTF8.self) }
        return [
            ids(verdicts.map(\.mail)), .textArray(verdicts.map(\.verdict.label.rawValue)),
            .float8Array(verdicts.map(\.verdict.probability)), .jsonbArray(reasons),
            .int8Array(verdicts.map(\.verdict.modelVersion)),
            .textArrayOfOptionals(verdicts.map(\.verdict.category?.rawValue)),
        ]
    }
}

extension ClassifyStore {
    // Stages: 1 classify, 2 file, 3 relay, 4 late, 5 relabel.
    //
    // Look-ups are by key for each mail (LATERAL with LIMIT, scalar subqueries, ctid): a prepared plan made while the
    // tables were small must not read all of them for every batch once they are large.

    private static let read = PreparedStatement(
        "classify_read",
        """
        SELECT mail_id, origin, envelope_from, summary, (
                SELECT substring(body_chunk.bytes FROM 1 FOR $2) FROM body_chunk
                WHERE body_chunk.body_id = found.body_id AND body_chunk.seq = 0),
            received_at, total
        FROM (
            SELECT mail.*, count(*) OVER () AS total, row_number() OVER sofar AS place,
                sum(octet_length(mail.summary)) OVER sofar AS bytes
            FROM unnest($1::uuid[]) AS wanted (mail_id)
            CROSS JOIN LATERAL (SELECT * FROM mail WHERE mail.mail_id = wanted.mail_id LIMIT 1) AS mail
            WHERE (
                SELECT count(*) FROM work
                WHERE work.mail_id = wanted.mail_id AND work.recipient = 0 AND work.stage + 0 IN (1, 4)
                    AND work.parked_at IS NULL) > 0
            WINDOW sofar AS (ORDER BY mail.mail_id ROWS UNBOUNDED PRECEDING)
        ) AS found
        WHERE place = 1 OR bytes <= 4194304
        ORDER BY mail_id
        """)

    private static let lock = PreparedStatement(
        "classify_lock",
        """
        SELECT mail_id FROM work
        WHERE mail_id = ANY ($1::uuid[]) AND recipient = 0 AND stage + 0 IN (1, 4) AND parked_at IS NULL
        ORDER BY mail_id, recipient, stage FOR UPDATE
        """)

    private static let write = PreparedStatement(
        "classify_write",
        """
        WITH judged AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::float8[], $4::jsonb[], $5::bigint[], $6::text[])
                AS judged (mail_id, label, probability, reasons, model_version, category)
        ), found AS MATERIALIZED (
            SELECT judged.*, place.stage, place.row
            FROM judged CROSS JOIN LATERAL (
                SELECT work.stage, work.ctid AS row FROM work
                WHERE work.mail_id = judged.mail_id AND work.recipient = 0 AND work.stage + 0 IN (1, 4)
                    AND work.parked_at IS NULL
                LIMIT 1
            ) AS place
        ), gone AS (
            DELETE FROM work USING found WHERE work.ctid = found.row RETURNING found.*
        ), written AS (
            INSERT INTO verdict (mail_id, label, probability, reasons, model_version, category)
            SELECT mail_id, label, probability, reasons, model_version, category FROM gone
            ON CONFLICT (mail_id) DO NOTHING
        ), next AS (
            INSERT INTO work (mail_id, recipient, stage, next_hint_at)
            SELECT gone.mail_id, copy.recipient, copy.stage, now() + interval '10 s'
            FROM gone CROSS JOIN LATERAL (
                SELECT recipient.recipient, CASE WHEN recipient.account_id IS NULL THEN 3 ELSE 2 END AS stage
                FROM recipient WHERE recipient.mail_id = gone.mail_id
                OFFSET 0
            ) AS copy
            WHERE gone.stage = 1
            UNION ALL
            SELECT mail_id, 0, 5, now() + interval '10 s' FROM gone WHERE stage = 4
            ON CONFLICT DO NOTHING
            RETURNING mail_id, stage
        ), told AS (
            INSERT INTO mail_event (mail_id, event, detail)
            SELECT mail_id, 'classified', jsonb_build_object(
                'label', label, 'probability', round(probability::numeric, 4),
                'model', model_version, 'category', category, 'late', stage = 4, 'reasons', reasons)
            FROM gone
        )
        SELECT gone.mail_id, coalesce(bool_or(next.stage = 2), false), coalesce(bool_or(next.stage = 3), false),
            coalesce(bool_or(next.stage = 5), false)
        FROM gone LEFT JOIN next ON next.mail_id = gone.mail_id GROUP BY gone.mail_id
        """)
}
