import IMAPGrammar
import MailCore
import Storage

extension IMAPSession {
    /// RFC 3501 6.4.7, RFC 4315 3: COPYUID in the tagged OK.
    nonisolated(nonsending) func copy(_ set: SequenceSet, to name: MailboxName, uid: Bool, _ selection: Selection)
        async throws -> Completion
    {
        let command = uid ? "UID COPY" : "COPY"
        guard let positions = selection.positions(set, uid: uid) else { return .badSet }
        guard let target = try await services.mailboxes.find(selection.mailbox.key.account, name: name.value) else {
            return .no("No such mailbox", code: .tryCreate)
        }
        guard !positions.isEmpty else { return .ok("\(command) completed, no messages") }
        let outcome = try await services.mailboxes.copy(
            from: selection.mailbox.key, selection.uidRuns(positions), keywords: keywords(positions, selection),
            to: target)
        await services.changed(outcome.deltas)
        services.teach(outcome.lessons)
        if !uid, outcome.sourceUIDs.count < positions.count, outcome.sourceUIDs.isEmpty {
            throw MailboxError.messageGone
        }
        return .ok("\(command) completed", code: outcome.code)
    }

    /// RFC 6851: COPYUID comes untagged, before the EXPUNGE responses.
    nonisolated(nonsending) func move(_ set: SequenceSet, to name: MailboxName, uid: Bool, _ selection: Selection)
        async throws -> Completion
    {
        let command = uid ? "UID MOVE" : "MOVE"
        guard !selection.isReadOnly else { return .no("The mailbox is read-only", code: .cannot) }
        guard let positions = selection.positions(set, uid: uid) else { return .badSet }
        guard let target = try await services.mailboxes.find(selection.mailbox.key.account, name: name.value) else {
            return .no("No such mailbox", code: .tryCreate)
        }
        guard !positions.isEmpty else { return .ok("\(command) completed, no messages") }
        let outcome = try await services.mailboxes.move(
            from: selection.mailbox.key, selection.uidRuns(positions), keywords: keywords(positions, selection),
            to: target)
        if let code = outcome.code { out.untagged(.ok, code: code, "Moved") }
        await services.changed(outcome.deltas)
        services.teach(outcome.lessons)
        return .ok("\(command) completed")
    }

    /// The keywords in use among the messages, by name.
    private func keywords(_ positions: PositionRuns, _ selection: Selection) -> [String] {
        var used: MailboxFlags = []
        for range in positions.ranges { for position in range { used.formUnion(selection.view.flags[position]) } }
        return selection.view.keywords.names(in: used)
    }
}

extension CopyOutcome {
    /// Nothing copied has no code (RFC 4315 3).
    fileprivate var code: IMAPResponseCode? {
        guard !sourceUIDs.isEmpty else { return nil }
        let last = firstTargetUID + UInt32(sourceUIDs.count - 1)
        return .copyUID(
            uidValidity: targetUIDValidity, source: NumberSet(numbers: sourceUIDs),
            destination: NumberSet([firstTargetUID...last]))
    }
}
