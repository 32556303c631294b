import IMAPGrammar
import MailCore
import QueueContracts
import Storage

extension IMAPSession {
    /// RFC 3501 6.3.4
    nonisolated(nonsending) func delete(_ name: MailboxName, _ account: AccountID) async throws -> Completion {
        guard !name.isInbox else { throw MailboxError.notAllowed }
        let key = try await services.mailboxes.delete(account, name: name.value)
        // A session that deletes what it has selected goes back to the authenticated state.
        if selection?.mailbox.key == key { await deselect() }
        services.registry.vanished(key)
        services.announce([.init(account: key.account, mailbox: key.mailbox, modseq: .max)])
        return .ok("DELETE completed")
    }
}
