import IMAPGrammar
import MailCore
import Storage

extension IMAPSession {
    /// RFC 3501 6.3.10. One row; no message is looked at, save to count recent ones when there are some.
    nonisolated(nonsending) func status(_ name: MailboxName, _ items: [StatusItem], _ account: AccountID) async throws
        -> Completion
    {
        guard
            let (record, recent) = try await services.mailboxes.status(
                account, name: name.value, countingRecent: items.contains(.recent))
        else { throw MailboxError.noSuchMailbox }
        out.status(name, values(items, record, recent: recent))
        return .ok("STATUS completed")
    }

    func values(_ items: [StatusItem], _ record: MailboxRecord, recent: Int64) -> [(StatusItem, UInt64)] {
        var values: [(StatusItem, UInt64)] = []
        for item in items {
            let value: Int64 =
                switch item {
                case .messages: record.messages
                case .recent: recent
                case .uidNext: record.uidNext
                case .uidValidity: Int64(record.uidValidity)
                case .unseen: record.unseen
                case .highestModSeq: record.modseq
                case .size: record.bytes
                case .deleted: record.deleted
                }
            values.append((item, UInt64(clamping: value)))
        }
        return values
    }
}
