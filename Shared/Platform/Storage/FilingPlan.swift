import MailCore
import PostgreSQL
import QueueContracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The second round trip of a filing transaction, as columns of its parameters.
struct FilingPlan {
    private struct Entry {
        let copy: FilingCopy
        let account: AccountID
        var mailbox: MailboxID?
        let prefix: [UInt8]
        let keyword: String
    }

    private var entries: [Entry] = []
    /// Copies whose account is gone: nowhere to file them.
    private var homeless: [FilingCopy] = []

    var isEmpty: Bool { entries.isEmpty && homeless.isEmpty }

    mutating func add(_ copy: FilingCopy, _ decide: (FilingCopy) -> FilingDecision) {
        guard let account = copy.account else {
            homeless.append(copy)
            return
        }
        let decision = decide(copy)
        var copy = copy
        copy.evidence = nil
        // A user may have deleted Junk: then the mail goes where it will be seen.
        let mailbox = decision.folder == .junk ? copy.junk ?? copy.inbox : copy.inbox
        entries.append(
            Entry(
                copy: copy, account: account, mailbox: mailbox, prefix: decision.prefix,
                keyword: decision.keyword ?? ""))
    }

    /// INBOX always exists (RFC 3501 5.1); an account made without one gets it here.
    mutating func createInboxes(on connection: isolated PostgresConnection) throws(PostgresError) {
        var created: [AccountID: MailboxID] = [:]
        for index in entries.indices where entries[index].mailbox == nil {
            let account = entries[index].account
            if created[account] == nil {
                created[account] = try connection.insertMailbox(account, "INBOX", specialUse: nil)?.key.mailbox
            }
            // Still nil: someone else made it just now, and the next attempt sees it.
            entries[index].mailbox = created[account]
        }
    }

    var calls: [PostgresConnection.Call] {
        let placed = entries.compactMap { entry in entry.mailbox.map { (entry, $0.value) } }
        let accounts = PostgresValue.int8Array(placed.map(\.0.account.value))
        let mailboxes = PostgresValue.int8Array(placed.map(\.1))
        let insert: [PostgresValue] = [
            mailIDs(placed.map(\.0.copy)), .int4Array(placed.map(\.0.copy.recipient)), accounts, mailboxes,
            .byteaArray(placed.map(\.0.prefix)), bodyIDs(placed.map(\.0.copy)),
            .textArray(placed.map(\.0.keyword)),
        ]
        let file: [PostgresConnection.Call] = [
            (FilingStore.lockMailboxes, [accounts, mailboxes]), (FilingStore.fileCopies, insert),
        ]
        if homeless.isEmpty { return file }
        return file + [(FilingStore.discardCopies, [mailIDs(homeless), .int4Array(homeless.map(\.recipient))])]
    }

    func read(_ results: [PostgresRows], into outcome: inout FilingOutcome, left: inout [MailID]) throws(PostgresError)
    {
        guard results.count >= 2 else { return }
        var filed: Set<CopyKey> = []
        for row in results[1] {
            filed.insert(CopyKey(mail: try row.mailID(0), recipient: try row.int4(1)))
            outcome.filed += 1
            outcome.note([
                MailboxChanged.Mailbox(
                    account: AccountID(try row.int8(2)), mailbox: MailboxID(try row.int8(3)), modseq: try row.int8(4))
            ])
        }
        if results.count > 2 { outcome.discarded += results[2].count }
        for entry in entries where !filed.contains(CopyKey(mail: entry.copy.mail, recipient: entry.copy.recipient)) {
            if left.last != entry.copy.mail { left.append(entry.copy.mail) }
        }
    }
}

private struct CopyKey: Hashable {
    let mail: MailID
    let recipient: Int32
}

private func mailIDs(_ copies: [FilingCopy]) -> PostgresValue {
    .uuidArray(copies.map { ($0.mail.uuid.high, $0.mail.uuid.low) })
}

private func bodyIDs(_ copies: [FilingCopy]) -> PostgresValue {
    .uuidArray(copies.map { ($0.body.uuid.high, $0.body.uuid.low) })
}

extension FilingCopy {
    /// The columns of `lockCopies`.
    init(_ row: PostgresRow) throws(PostgresError) {
        mail = try row.mailID(0)
        recipient = try row.int4(1)
        body = try row.bodyID(2)
        envelopeFrom = try row.text(3)
        origin = MailOrigin(rawValue: try row.int2(4))
        address = try row.optionalText(5) ?? ""
        account = try row.optionalInt8(6).map(AccountID.init)
        verdict = try Verdict(row, from: 7)
        inbox = try row.optionalInt8(12).map(MailboxID.init)
        junk = try row.optionalInt8(13).map(MailboxID.init)
    }
}

extension Verdict {
    /// Columns label, probability, reasons, model_version, category; nil if there is none. A label of a newer version
    /// counts as no verdict: the mail goes to Inbox, where it is seen.
    init?(_ row: PostgresRow, from column: Int) throws(PostgresError) {
        guard let text = try row.optionalText(column), let label = Label(rawValue: text) else { return nil }
        let reasons = try row.optionalText(column + 2) ?? "[]"
        self.init(
            label: label, probability: try row.float8(column + 1),
            // Reasons are for people; what cannot be read is left out and the label still counts.
            reasons: (try? JSONDecoder().decode([Reason].self, from: Data(reasons.utf8))) ?? [],
            modelVersion: try row.int8(column + 3),
            category: try row.optionalText(column + 4).flatMap(Category.init(rawValue:)))
    }
}
