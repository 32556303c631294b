import MailCore
import PostgreSQL

/// What STORE asks for (RFC 3501 6.4.6).
package enum FlagChange: Sendable, Equatable {
    case replace(NamedFlags)
    case add(NamedFlags)
    case remove(NamedFlags)

    private var flags: NamedFlags {
        switch self {
        case .replace(let flags), .add(let flags), .remove(let flags): flags
        }
    }

    /// Keywords that have to exist in the mailbox's table.
    fileprivate var wantedKeywords: [String] {
        if case .remove = self { [] } else { flags.keywords }
    }

    /// Whether the bits of all keywords that are named can be told from a table that may be old.
    fileprivate func isClear(with keywords: MailboxKeywords) -> Bool {
        flags.keywords.allSatisfy { keywords.flag(named: $0) != nil }
    }

    /// What becomes of a message's flags.
    package func applied(to flags: MailboxFlags, _ keywords: MailboxKeywords) -> MailboxFlags {
        let (clear, set) = masks(keywords)
        return MailboxFlags(rawValue: (flags.rawValue & ~clear) | set)
    }

    /// The new value is `(old & ~clear) | set`.
    fileprivate func masks(_ keywords: MailboxKeywords) -> (clear: Int64, set: Int64) {
        switch self {
        case .replace(let flags): (-1, flags.bits(keywords))
        case .add(let flags): (0, flags.bits(keywords))
        case .remove(let flags): (flags.bits(keywords), 0)
        }
    }
}

extension NamedFlags {
    func bits(_ keywords: MailboxKeywords) -> Int64 {
        system.intersection(.system).union(keywords.flags(named: self.keywords)).rawValue
    }
}

extension MailboxStore {
    /// Changes the flags of all messages in `runs` that exist; only those whose flags differ afterwards get a new modseq.
    /// - Parameter known: the mailbox's keywords as the caller has them; old ones will do, as a bit keeps its meaning.
    package func changeFlags(
        _ key: MailboxKey, _ runs: UIDRuns, _ change: FlagChange, known: MailboxKeywords = MailboxKeywords()
    ) async throws -> MailboxDelta {
        try await pool.transaction { connection in
            if change.isClear(with: known) {
                let (mailbox, rows) = try connection.commit(
                    [Self.flagChange(key, runs, change, known)], locking: key)
                return mailbox.delta(changed: try entries(rows[0]))
            }
            var mailbox = try connection.lockMailbox(key)
            try connection.addKeywords(change.wantedKeywords, to: &mailbox)
            let rows = try connection.commit(after: [Self.flagChange(key, runs, change, mailbox.keywords)])
            return mailbox.delta(changed: try entries(rows[0]))
        }
    }

    static func flagChange(
        _ key: MailboxKey, _ runs: UIDRuns, _ change: FlagChange, _ keywords: MailboxKeywords = MailboxKeywords()
    ) -> PostgresConnection.Call {
        let (clear, set) = change.masks(keywords)
        return (
            changeFlags,
            [
                .int8(key.account.value), .int8(key.mailbox.value), runs.lows, runs.highs, .int8(clear), .int8(set),
            ]
        )
    }

    // By ctid, which nobody changes while the mailbox is locked: by UID a plan made for a small mailbox compares every
    // message of a large one with every UID.
    private static let changeFlags = PreparedStatement(
        "mailbox_change_flags",
        """
        WITH old AS MATERIALIZED (
            SELECT m.spot, m.uid, m.flags AS before, (m.flags & ~$5::bigint) | $6::bigint AS flags
            FROM unnest($3::bigint[], $4::bigint[]) AS run (low, high) CROSS JOIN LATERAL (
                SELECT ctid AS spot, uid, flags FROM mailbox_message
                WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN run.low AND run.high ORDER BY uid
            ) AS m
            WHERE ((m.flags & ~$5::bigint) | $6::bigint) <> m.flags
        ), changed AS (
            UPDATE mailbox_message m SET flags = old.flags,
                modseq = (SELECT modseq + 1 FROM mailbox WHERE account_id = $1 AND mailbox_id = $2)
            FROM old WHERE m.ctid = old.spot
        ), counted AS (
            UPDATE mailbox SET modseq = modseq + 1, unseen = mailbox.unseen + total.unseen, deleted = mailbox.deleted + total.deleted
            FROM (
                SELECT count(*) AS messages, sum((before & 1) - (flags & 1))::bigint AS unseen,
                    sum((flags >> 3 & 1) - (before >> 3 & 1))::bigint AS deleted
                FROM old
            ) AS total
            WHERE account_id = $1 AND mailbox_id = $2 AND total.messages > 0
        )
        SELECT uid, flags FROM old ORDER BY uid
        """)
}

/// Rows of (uid, flags).
func entries(_ rows: PostgresRows) throws(PostgresError) -> [MailboxDelta.Entry] {
    var entries: [MailboxDelta.Entry] = []
    entries.reserveCapacity(rows.count)
    for index in 0..<rows.count {
        let row = rows[index]
        entries.append(
            .init(
                uid: UInt32(truncatingIfNeeded: try row.int8(0)), flags: MailboxFlags(rawValue: try row.int8(1))))
    }
    return entries
}
