import MailCore
import PostgreSQL
import QueueContracts

/// Late verdicts: the mail was filed without one, because mail never waits long for a classifier, and now there is one.
///
/// Every copy gets the label as keywords; only a copy that is still unseen in INBOX moves to Junk. A verdict of ham
/// changes nothing but the history.
extension FilingStore {
    func relabel(_ mails: [MailID]) async throws -> FilingOutcome {
        try await pool.transaction { connection in
            var outcome = FilingOutcome()
            let ids = PostgresValue.uuidArray(mails.map { ($0.uuid.high, $0.uuid.low) })
            var verdicts: [MailID: Verdict.Label] = [:]
            for row in try connection.execute(Self.lockLate, [ids]) {
                verdicts[try row.mailID(0)] = try row.optionalText(1).flatMap(Verdict.Label.init(rawValue:)) ?? .ham
            }
            guard !verdicts.isEmpty else { return outcome }
            let junk = verdicts.filter { $0.value != .ham }
            let moved = try connection.applyLabels(junk, &outcome)
            let finished = verdicts.keys.sorted()
            _ = try connection.execute(
                Self.finishLate,
                [
                    .uuidArray(finished.map { ($0.uuid.high, $0.uuid.low) }),
                    .textArray(finished.map { verdicts[$0]?.rawValue ?? "" }),
                    .int4Array(finished.map { moved[$0] ?? 0 }),
                ])
            outcome.relabelled = finished.count
            return outcome
        }
    }

    /// The file work is locked too, so that a copy being filed right now without the verdict is waited for and labelled
    /// with the others; a copy that is filed later finds the verdict by itself.
    private static let lockLate = PreparedStatement(
        "relabel_lock_late",
        """
        WITH locked AS MATERIALIZED (
            SELECT mail_id, stage, parked_at FROM work WHERE mail_id = ANY ($1::uuid[]) AND stage + 0 IN (2, 5)
            ORDER BY mail_id, recipient, stage FOR UPDATE
        )
        SELECT DISTINCT locked.mail_id, verdict.label FROM locked LEFT JOIN verdict ON verdict.mail_id = locked.mail_id
        WHERE locked.stage = 5 AND locked.parked_at IS NULL
        """)

    private static let finishLate = PreparedStatement(
        "relabel_finish",
        """
        WITH late AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS late (mail_id, label, moved)
        ), gone AS (
            DELETE FROM work WHERE ctid = ANY (ARRAY(
                SELECT unfinished.place FROM late CROSS JOIN LATERAL (
                    SELECT ctid AS place FROM work WHERE work.mail_id = late.mail_id AND work.stage + 0 = 5 OFFSET 0
                ) AS unfinished))
            RETURNING mail_id
        )
        INSERT INTO mail_event (mail_id, event, detail)
        SELECT mail_id, 'relabelled', jsonb_build_object('label', label, 'moved', moved) FROM gone JOIN late USING (mail_id)
        """)
}

/// One filed copy of a mail with a late verdict.
private struct LateCopy {
    let key: MailboxKey
    let uid: UInt32
    let mail: MailID
    let moves: Bool
}

extension PostgresConnection {
    /// Labels the copies and moves those that may move; says how many of each mail moved.
    fileprivate func applyLabels(_ labels: [MailID: Verdict.Label], _ outcome: inout FilingOutcome) throws -> [MailID:
        Int32]
    {
        let ids = PostgresValue.uuidArray(labels.keys.sorted().map { ($0.uuid.high, $0.uuid.low) })
        guard !labels.isEmpty else { return [:] }
        // Found without a lock first, only to know which mailboxes to lock; read again under the locks. Accounts and
        // their mailboxes are locked in ascending order, like everywhere.
        var accounts: [AccountID: (mailboxes: Set<MailboxID>, junk: MailboxID?)] = [:]
        for row in try execute(findCopies, [ids]) {
            let account = AccountID(try row.int8(0))
            accounts[account, default: ([], nil)].mailboxes.insert(MailboxID(try row.int8(1)))
            accounts[account]?.junk = try row.optionalInt8(2).map(MailboxID.init)
        }
        var locked: [AccountID: [MailboxID: LockedMailbox]] = [:]
        for account in accounts.keys.sorted() {
            guard let (mailboxes, junk) = accounts[account] else { continue }
            locked[account] = try lockMailboxes(Array(mailboxes.union(junk.map { [$0] } ?? [])), of: account)
        }
        var copies: [MailboxKey: [LateCopy]] = [:]
        for row in try execute(readCopies, [ids]) {
            let copy = try LateCopy(row)
            copies[copy.key, default: []].append(copy)
        }
        var moved: [MailID: Int32] = [:]
        for (key, entries) in copies.sorted(by: { $0.key < $1.key }) {
            guard let mailbox = locked[key.account]?[key.mailbox] else { continue }
            try label(entries, labels, in: mailbox, &outcome)
            guard let junk = accounts[key.account]?.junk, let target = locked[key.account]?[junk], junk != key.mailbox
            else { continue }
            for copy in entries where copy.moves {
                try move(copy, to: target, &outcome)
                moved[copy.mail, default: 0] += 1
            }
        }
        return moved
    }

    private func label(
        _ copies: [LateCopy], _ labels: [MailID: Verdict.Label], in mailbox: LockedMailbox,
        _ outcome: inout FilingOutcome
    ) throws {
        var mailbox = mailbox
        // RFC 8457 and the IANA registry of IMAP keywords: $Junk, $Phishing.
        let keywords = copies.map { labels[$0.mail] == .phish ? ["$Junk", "$Phishing"] : ["$Junk"] }
        try addKeywords(Set(keywords.joined()).sorted(), to: &mailbox)
        let bits = keywords.map { mailbox.keywords.flags(named: $0).rawValue }
        let rows = try execute(
            labelCopies,
            [
                .int8(mailbox.key.account.value), .int8(mailbox.key.mailbox.value),
                .int8Array(copies.map { Int64($0.uid) }),
                .int8Array(bits),
            ])
        for row in rows { outcome.note([changed(mailbox.key, modseq: try row.int8(0))]) }
    }

    private func move(_ copy: LateCopy, to target: LockedMailbox, _ outcome: inout FilingOutcome) throws {
        // The rows as they are now: labels and earlier moves have changed both.
        let now = try lockMailboxes([copy.key.mailbox, target.key.mailbox], of: copy.key.account)
        guard let from = now[copy.key.mailbox], var into = now[target.key.mailbox] else { return }
        try addKeywords(from.keywords.names.filter { $0.hasPrefix("$") }, to: &into)
        let transfer = try transfer(MailboxStore.moveMessages, from: from, UIDRuns(copy.uid...copy.uid), into: into)
        guard transfer.uidNext - 1 <= MailboxRecord.maximumUID else { throw MailboxError.noUIDsLeft }
        outcome.note([changed(from.key, modseq: from.modseq + 1), changed(into.key, modseq: into.modseq + 1)])
    }

    private func changed(_ key: MailboxKey, modseq: Int64) -> MailboxChanged.Mailbox {
        MailboxChanged.Mailbox(account: key.account, mailbox: key.mailbox, modseq: modseq)
    }
}

extension LateCopy {
    init(_ row: PostgresRow) throws(PostgresError) {
        key = MailboxKey(account: AccountID(try row.int8(0)), mailbox: MailboxID(try row.int8(1)))
        uid = UInt32(truncatingIfNeeded: try row.int8(2))
        mail = try row.mailID(3)
        moves = try row.bool(4)
    }
}

private let findCopies = PreparedStatement(
    "relabel_find_copies",
    """
    SELECT DISTINCT m.account_id, m.mailbox_id, (
        SELECT min(junk.mailbox_id) FROM mailbox junk
        WHERE junk.account_id = m.account_id AND junk.special_use = '\\Junk')
    FROM mailbox_message m WHERE m.mail_id = ANY ($1::uuid[])
    """)

private let readCopies = PreparedStatement(
    "relabel_read_copies",
    """
    SELECT m.account_id, m.mailbox_id, m.uid, m.mail_id, b.name = 'INBOX' AND m.flags & 1 = 0
    FROM mailbox_message m JOIN mailbox b USING (account_id, mailbox_id)
    WHERE m.mail_id = ANY ($1::uuid[]) ORDER BY m.account_id, m.mailbox_id, m.uid
    """)

private let labelCopies = PreparedStatement(
    "relabel_label_copies",
    """
    WITH box AS (
        UPDATE mailbox SET modseq = modseq + 1 WHERE account_id = $1 AND mailbox_id = $2 RETURNING modseq
    ), labelled AS (
        UPDATE mailbox_message m SET flags = m.flags | late.bits, modseq = box.modseq
        FROM unnest($3::bigint[], $4::bigint[]) AS late (uid, bits), box
        WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid = late.uid
    )
    SELECT modseq FROM box
    """)
