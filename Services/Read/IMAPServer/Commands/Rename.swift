import IMAPGrammar
import MailCore
import Storage

extension IMAPSession {
    /// RFC 3501 6.3.5
    nonisolated(nonsending) func rename(_ from: MailboxName, _ to: MailboxName, _ account: AccountID) async throws
        -> Completion
    {
        guard !to.isInbox else { throw MailboxError.alreadyExists }
        guard !to.isBelow(from) || from.isInbox else { throw MailboxError.notAllowed }
        if from.isInbox { return try await renameInbox(to, account) }
        guard from != to else { throw MailboxError.alreadyExists }
        try await services.mailboxes.rename(
            account, from: from.value, to: to.value, missing: to.ancestors.map(\.value))
        return .ok("RENAME completed")
    }

    /// Moves all messages to a new mailbox and leaves INBOX and its inferiors as they are.
    private nonisolated(nonsending) func renameInbox(_ to: MailboxName, _ account: AccountID) async throws -> Completion
    {
        let mailboxes = services.mailboxes
        guard let inbox = try await mailboxes.find(account, name: MailboxName.inbox.value) else {
            throw MailboxError.noSuchMailbox
        }
        let target = try await mailboxes.create(
            account, names: to.ancestors.map(\.value) + [to.value], specialUse: nil)
        let outcome = try await mailboxes.move(
            from: inbox.key, UIDRuns(1...UInt32.max), keywords: inbox.keywords.names, to: target)
        await services.changed(outcome.deltas)
        return .ok("RENAME completed")
    }
}
