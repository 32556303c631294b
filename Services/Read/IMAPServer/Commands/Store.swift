import IMAPGrammar
import LineServer
import Storage

extension IMAPSession {
    /// RFC 3501 6.4.6: one statement for any number of messages.
    func store(
        _ store: IMAPStore, uid: Bool, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws -> Completion {
        guard !selection.isReadOnly else { return .no("The mailbox is read-only", code: .cannot) }
        guard store.unchangedSince == nil else { return .bad("UNCHANGEDSINCE is not supported") }
        guard let positions = selection.positions(store.set, uid: uid) else { return .badSet }
        let name = uid ? "UID STORE" : "STORE"
        guard !positions.isEmpty else { return .ok("\(name) completed") }
        let flags = NamedFlags(store.flags)
        let change: FlagChange =
            switch store.action {
            case .replace: .replace(flags)
            case .add: .add(flags)
            case .remove: .remove(flags)
            }
        let delta = try await services.mailboxes.changeFlags(
            selection.mailbox.key, selection.uidRuns(positions), change, known: selection.view.keywords)
        let knownKeywords = selection.view.keywords.names.count
        await services.changed([delta])
        take(delta, silent: store.silent ? change : nil)
        // What others did before, so that no answer is older than the lock.
        if !store.silent { try report(expunges: false) }
        guard let selection = self.selection else { return .ok("\(name) completed") }
        if selection.view.keywords.names.count > knownKeywords { writeFlags(selection) }
        let left = selection.remaining(positions)
        if !store.silent { try await writeFlags(left, selection, uid: uid, connection) }
        // RFC 2180 4.2: nothing is left of what was named.
        if left.isEmpty, !uid { return .no("The messages no longer exist", code: .expungeIssued) }
        return .ok("\(name) completed")
    }

    private func writeFlags(
        _ positions: PositionRuns, _ selection: Selection, uid: Bool, _ connection: isolated LineConnection
    ) async throws {
        for range in positions.ranges {
            for position in range {
                writeFlags(at: position, selection, uid: uid)
                try await drain(connection)
            }
        }
    }
}

extension NamedFlags {
    /// `\Recent` is the server's own and ignored (RFC 3501 2.3.2).
    init(_ flags: [IMAPFlag]) {
        self.init()
        for flag in flags {
            if case .keyword(let name) = flag {
                keywords.append(name)
            } else if let bit = flag.bit {
                system.formUnion(MailboxFlags(rawValue: bit))
            }
        }
    }
}
