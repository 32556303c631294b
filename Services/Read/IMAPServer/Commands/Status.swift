import IMAPGrammar
import MailCore
import Storage

extension IMAPSession {
    /// RFC 3501 6.3.10. One row; no message is looked at, save to count recent ones when there are some.
    nonisolated(nonsending) func status(_ name: MailboxName, _ items: [StatusItem], _ account: AccountID) async throws
        -> Completion
    {
        guard let record = try await services.mailboxes.find(account, name: name.value) else {
            throw MailboxError.noSuchMailbox
        }
        out.status(name, try await values(items, record))
        return .ok("STATUS completed")
    }

    nonisolated(nonsending) func values(_ items: [StatusItem], _ record: MailboxRecord) async throws -> [(
        StatusItem, UInt64
    )] {
        var values: [(StatusItem, UInt64)] = []
        for item in items {
            let value: Int64 =
                switch item {
                case .messages: record.messages
                case .recent: try await services.mailboxes.recentCount(record)
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
