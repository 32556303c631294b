import IMAPGrammar
import Storage

extension IMAPSession {
    /// EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1). The EXPUNGE responses come with the version change.
    nonisolated(nonsending) func expunge(_ set: SequenceSet?, _ selection: Selection) async throws -> Completion {
        guard !selection.isReadOnly else { return .no("The mailbox is read-only", code: .cannot) }
        try report(expunges: true)
        guard let selection = self.selection else { return .bad("No mailbox is selected") }
        let all = PositionRuns(0..<selection.view.count)
        let positions = set.flatMap { selection.positions($0, uid: true) } ?? all
        _ = try await removeDeleted(positions, selection)
        return .ok(set == nil ? "EXPUNGE completed" : "UID EXPUNGE completed")
    }

    /// Removes what carries \Deleted at `positions`; the database has the last word on the flag.
    nonisolated(nonsending) func removeDeleted(_ positions: PositionRuns, _ selection: Selection) async throws
        -> MailboxDelta?
    {
        let marked = selection.filter(positions) { $0.contains(.deleted) }
        guard !marked.isEmpty else { return nil }
        let delta = try await services.mailboxes.expunge(selection.mailbox.key, selection.uidRuns(marked))
        await services.changed([delta])
        return delta
    }
}
