import IMAPGrammar
import MailCore
import Storage

extension IMAPSession {
    /// RFC 3501 6.3.3, RFC 6154 5.2. Missing levels above are created too.
    nonisolated(nonsending) func create(_ name: MailboxName, _ uses: [SpecialUse], _ account: AccountID) async throws
        -> Completion
    {
        guard uses.count <= 1, uses.allSatisfy({ $0 != .all && $0 != .flagged }) else {
            return .no("This special use is not supported", code: .useAttribute)
        }
        guard !name.isInbox else { throw MailboxError.alreadyExists }
        let names = name.ancestors.map(\.value) + [name.value]
        if let use = uses.first {
            let taken = try await services.mailboxes.list(account).contains { $0.specialUse == use.rawValue }
            guard !taken else { return .no("Another mailbox has this special use", code: .useAttribute) }
        }
        _ = try await services.mailboxes.create(account, names: names, specialUse: uses.first?.rawValue)
        return .ok("CREATE completed")
    }
}
