import IMAPGrammar
import LineServer
import PostgreSQL
import Storage

/// How a session follows its mailbox.
extension IMAPSession {
    /// Tells the client what happened since its version and moves on to the newest one.
    func report(expunges: Bool) throws {
        guard var selection else { return }
        if selection.mailbox.isGone { throw SessionEnd.bye("The selected mailbox was deleted", .mailboxDeleted) }
        let current = selection.mailbox.view
        guard selection.isBehind(current) else { return }
        let next = expunges ? current : selection.view.keepingExpunged(upTo: current)
        let changes = ViewChanges(from: selection.view, to: next)
        selection.view = next
        self.selection = selection
        write(changes, selection)
    }

    private func write(_ changes: ViewChanges, _ selection: Selection) {
        if changes.addsKeywords { writeFlags(selection) }
        for number in changes.expunged { out.expunge(number) }
        if let exists = changes.exists {
            out.exists(exists)
            out.recent(selection.recentCount)
        }
        for position in changes.flags { writeFlags(at: position, selection, uid: false) }
    }

    /// `* n FETCH (FLAGS (...))`
    func writeFlags(at position: Int, _ selection: Selection, uid: Bool) {
        let number = selection.view.uids[position]
        out.beginFetch(position + 1)
        if uid { out.fetchUID(number) }
        out.fetchFlags(
            bits: selection.view.flags[position].rawValue, keywords: selection.view.keywords.names,
            recent: selection.isRecent(number))
        out.endFetch()
    }

    /// FLAGS and PERMANENTFLAGS, at SELECT and when keywords come up.
    func writeFlags(_ selection: Selection) {
        let flags = IMAPFlag.system + selection.view.keywords.names.map(IMAPFlag.keyword)
        out.flags(flags)
        let permanent = selection.isReadOnly ? [] : flags
        out.untagged(
            .ok,
            code: .permanentFlags(permanent, newKeywords: !selection.isReadOnly && selection.view.keywords.hasRoom),
            selection.isReadOnly ? "No flag can be changed" : "Flags that can be changed")
    }

    /// Messages of a mailbox that no later session shall see as recent.
    struct RecentClaim {
        let key: MailboxKey
        let upTo: Int64
    }

    /// Leaves the selected mailbox, if any, without asking the database; what it returns may be claimed later.
    func leave() -> RecentClaim? {
        guard let selection else { return nil }
        self.selection = nil
        machine.deselected()
        services.registry.close(selection.mailbox)
        let seen = selection.view.uidNext - 1
        guard !selection.isReadOnly, seen > selection.claimedUpTo else { return nil }
        return RecentClaim(key: selection.mailbox.key, upTo: seen)
    }

    nonisolated(nonsending) func claim(_ recent: RecentClaim?) async {
        guard let recent else { return }
        // Without it the messages are \Recent once more, which RFC 3501 2.3.2 allows.
        try? await services.mailboxes.claimRecent(recent.key, upTo: recent.upTo)
    }

    nonisolated(nonsending) func deselect() async { await claim(leave()) }

    /// The flags of this session's own change, after `IMAPServices.changed`: known to the client, so not reported again.
    /// - Parameter silent: what a `.SILENT` STORE asked for. The client hears nothing of it, so what came out otherwise,
    ///   as another session's change was among it, is left to be reported (RFC 3501 6.4.6).
    func take(_ delta: MailboxDelta, silent: FlagChange? = nil) {
        guard !delta.changed.isEmpty, let selection else { return }
        let newest = selection.mailbox.view
        // With nothing else between, the version that all sessions share is ours, and need be neither made nor compared.
        let isOurs =
            selection.view.modseq == delta.before && newest.modseq == delta.after
            && selection.view.expunges == newest.expunges
        let view = selection.view
        let known = silent.map { change in
            delta.changed.filter { entry in
                view.position(of: entry.uid).map { change.applied(to: view.flags[$0], delta.keywords) } == entry.flags
            }
        }
        self.selection?.view =
            isOurs ? newest : view.applyingFlags(known ?? delta.changed, keywords: delta.keywords)
    }
}
