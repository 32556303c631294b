import IMAPGrammar
import LineServer
import MailCore
import Storage

extension IMAPSession {
    /// SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2). A warm mailbox costs one row of the database.
    func select(
        _ name: MailboxName, readOnly: Bool, _ account: AccountID, _ connection: isolated LineConnection
    ) async throws -> Completion {
        let recent = leave()
        guard let record = try await services.mailboxes.find(account, name: name.value),
            let mailbox = try await services.registry.open(record)
        else {
            await claim(recent)
            throw MailboxError.noSuchMailbox
        }
        await claim(recent)
        let view = mailbox.view
        var selection = Selection(
            mailbox: mailbox, view: view, isReadOnly: readOnly, recentAbove: record.recentUID,
            claimedUpTo: record.recentUID)
        if !readOnly, record.recentUID + 1 < view.uidNext {
            do {
                try await services.mailboxes.claimRecent(record.key, upTo: view.uidNext - 1)
                selection.claimedUpTo = view.uidNext - 1
            } catch {
                services.registry.close(mailbox)
                throw error
            }
        }
        self.selection = selection
        machine.selected()
        connection.event(.state("selected"))
        writeStatus(selection)
        return .ok(
            readOnly ? "EXAMINE completed" : "SELECT completed", code: readOnly ? .readOnly : .readWrite)
    }

    private func writeStatus(_ selection: Selection) {
        let view = selection.view
        writeFlags(selection)
        out.exists(view.count)
        out.recent(selection.recentCount)
        if let unseen = view.firstUnseen {
            out.untagged(.ok, code: .unseen(UInt32(clamping: unseen)), "First unseen message")
        }
        out.untagged(.ok, code: .uidValidity(view.uidValidity), "UIDs are valid")
        out.untagged(.ok, code: .uidNext(UInt32(clamping: view.uidNext)), "Predicted next UID")
    }
}
