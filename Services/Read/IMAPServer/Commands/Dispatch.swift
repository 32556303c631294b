import IMAPGrammar
import LineServer
import MailCore

extension IMAPSession {
    /// One command, already admitted by the state machine. Each has its own file in this folder.
    func run(_ tagged: IMAPTaggedCommand, _ connection: isolated LineConnection) async throws -> Completion {
        switch tagged.command {
        case .capability: return capability(connection)
        case .noop, .check: return try await noop(tagged.command.name)
        case .logout: return logout()
        case .id: return id()
        case .startTLS: return try await startTLS(tagged.tag, connection)
        case .authenticate(let authenticate): return try await self.authenticate(authenticate, connection)
        case .login(let login): return try await self.login(login, connection)
        default:
            // The state machine lets nothing else through before login.
            guard let account = machine.account else { return .bad("Log in first") }
            return try await run(tagged, account, connection)
        }
    }

    private func run(
        _ tagged: IMAPTaggedCommand, _ account: AccountID, _ connection: isolated LineConnection
    ) async throws -> Completion {
        switch tagged.command {
        case .enable: return enable()
        case .select(let select): return try await self.select(select.mailbox, readOnly: false, account, connection)
        case .examine(let select): return try await self.select(select.mailbox, readOnly: true, account, connection)
        case .create(let name, let uses): return try await create(name, uses, account)
        case .delete(let name): return try await delete(name, account)
        case .rename(let from, let to): return try await rename(from, to, account)
        case .subscribe(let name): return try await subscribe(name, account)
        case .unsubscribe(let name): return try await unsubscribe(name, account)
        case .list(let list): return try await self.list(list, account)
        case .lsub(let reference, let pattern): return try await lsub(reference, pattern, account)
        case .status(let name, let items): return try await status(name, items, account)
        case .namespace: return namespace()
        case .idle: return try await idle(connection)
        default:
            guard let selection else { return .bad("No mailbox is selected") }
            return try await run(tagged, selection, connection)
        }
    }

    private func run(
        _ tagged: IMAPTaggedCommand, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws -> Completion {
        switch tagged.command {
        case .close: return try await close(selection)
        case .unselect: return await unselect()
        case .expunge: return try await expunge(nil, selection)
        case .uidExpunge(let set): return try await expunge(set, selection)
        case .search(let search, let uid):
            return try await self.search(search, uid: uid, tagged.tag, selection, connection)
        case .fetch(let fetch, let uid): return try await self.fetch(fetch, uid: uid, selection, connection)
        case .store(let store, let uid): return try await self.store(store, uid: uid, selection, connection)
        case .copy(let set, let name, let uid): return try await copy(set, to: name, uid: uid, selection)
        case .move(let set, let name, let uid): return try await move(set, to: name, uid: uid, selection)
        default: return .bad("Not expected here")
        }
    }
}
