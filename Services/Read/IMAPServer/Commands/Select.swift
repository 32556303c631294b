import IMAPGrammar
import LineServer
import MailCore
import Storage

extension IMAPSession {
    /// SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2). A warm mailbox costs one round trip to the database.
    func select(
        _ name: MailboxName, readOnly: Bool, _ account: AccountID, _ connection: isolated LineConnection
    ) async throws -> Completion {
        // Rows of two mailboxes are never written in one transaction without their order, so another one goes first.
        let isSame = selection?.name == name
        let left = leave()
        if !isSame { await claim(left) }
        guard
            let (record, recentAbove, claimed) = try await services.mailboxes.select(
                account, name: name.value, leaving: isSame ? left.map { ($0.key, $0.upTo) } : nil, claiming: !readOnly),
            let mailbox = try await services.registry.open(record)
        else { throw MailboxError.noSuchMailbox }
        let selection = Selection(
            mailbox: mailbox, name: name, view: mailbox.view, isReadOnly: readOnly, recentAbove: recentAbove,
            claimedUpTo: claimed)
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
