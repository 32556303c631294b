import MailCore
import PostgreSQL

/// A mailbox row as read under its lock: where UIDs and modseq come from.
struct LockedMailbox {
    let key: MailboxKey
    let uidNext: Int64
    let modseq: Int64
    let specialUse: String?
    var keywords: MailboxKeywords

    init(_ row: PostgresRow, account: AccountID) throws(PostgresError) {
        key = MailboxKey(account: account, mailbox: MailboxID(try row.int8(0)))
        uidNext = try row.int8(1)
        modseq = try row.int8(2)
        keywords = MailboxKeywords(try row.textArray(3))
        specialUse = try row.optionalText(4)
    }

    /// The delta of a change that took one modseq, or none if nothing changed.
    func delta(
        uidNext: Int64? = nil, changed: [MailboxDelta.Entry] = [], expunged: [UInt32] = []
    ) -> MailboxDelta {
        let isChanged = !changed.isEmpty || !expunged.isEmpty
        return MailboxDelta(
            key: key, before: modseq, after: isChanged ? modseq + 1 : modseq, uidNext: uidNext ?? self.uidNext,
            keywords: keywords, changed: changed, expunged: expunged)
    }
}

extension PostgresConnection {
    /// Locks the rows in (account, mailbox) order until the transaction ends; one that is gone is missing.
    func lockMailboxes(_ mailboxes: [MailboxID], of account: AccountID) throws(PostgresError) -> [MailboxID:
        LockedMailbox]
    {
        let rows = try execute(
            lockMailboxRows, [.int8(account.value), .int8Array(mailboxes.map(\.value))])
        var locked: [MailboxID: LockedMailbox] = [:]
        for row in rows {
            let mailbox = try LockedMailbox(row, account: account)
            locked[mailbox.key.mailbox] = mailbox
        }
        return locked
    }

    /// Locks the mailbox, runs statements that need nothing of its row, and commits, all in one round trip.
    func commit(_ calls: [Call], locking key: MailboxKey) throws -> (LockedMailbox, [PostgresRows]) {
        let lock: Call = (lockMailboxRows, [.int8(key.account.value), .int8Array([key.mailbox.value])])
        let rows = try commit(after: [lock] + calls)
        // The entries of a mailbox are gone with it, so without a row nothing was changed.
        guard let row = rows[0].first else { throw MailboxError.noSuchMailbox }
        return (try LockedMailbox(row, account: key.account), Array(rows.dropFirst()))
    }

    func lockMailbox(_ key: MailboxKey) throws -> LockedMailbox {
        guard let locked = try lockMailboxes([key.mailbox], of: key.account)[key.mailbox] else {
            throw MailboxError.noSuchMailbox
        }
        return locked
    }

    /// Gives the mailbox's keyword table what it lacks of `names`, while there is room.
    func addKeywords(_ names: [String], to mailbox: inout LockedMailbox) throws(PostgresError) {
        guard mailbox.keywords.add(names) else { return }
        _ = try execute(
            saveKeywords,
            [
                .int8(mailbox.key.account.value), .int8(mailbox.key.mailbox.value),
                .textArray(mailbox.keywords.names),
            ])
    }
}

private let lockMailboxRows = PreparedStatement(
    "mailbox_lock",
    """
    SELECT mailbox_id, uidnext, modseq, keywords, special_use FROM mailbox
    WHERE account_id = $1 AND mailbox_id = ANY($2) ORDER BY mailbox_id FOR UPDATE
    """)

private let saveKeywords = PreparedStatement(
    "mailbox_save_keywords", "UPDATE mailbox SET keywords = $3 WHERE account_id = $1 AND mailbox_id = $2")
