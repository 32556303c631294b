import IMAPGrammar
import MailCore
import Storage

extension IMAPSession {
    /// RFC 3501 6.3.6. A name that does not exist yet may be subscribed.
    nonisolated(nonsending) func subscribe(_ name: MailboxName, _ account: AccountID) async throws -> Completion {
        try await services.mailboxes.subscribe(account, name: name.value)
        return .ok("SUBSCRIBE completed")
    }

    /// RFC 3501 6.3.7
    nonisolated(nonsending) func unsubscribe(_ name: MailboxName, _ account: AccountID) async throws -> Completion {
        try await services.mailboxes.unsubscribe(account, name: name.value)
        return .ok("UNSUBSCRIBE completed")
    }
}
