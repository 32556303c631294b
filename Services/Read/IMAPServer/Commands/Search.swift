import IMAPGrammar
import LineServer
import MailCore
import Storage

extension IMAPSession {
    /// RFC 3501 6.4.4, ESEARCH (RFC 4731). What the session's version answers costs no query; the rest runs off the
    /// event loop.
    func search(
        _ search: IMAPSearch, uid: Bool, _ tag: String, _ selection: Selection, _ connection: isolated LineConnection
    ) async throws -> Completion {
        var compiler = SearchCompiler(view: selection.view, now: .now())
        guard let node = compiler.compile(search.key) else { return .bad("MODSEQ is not supported") }
        let started = ContinuousClock.now
        let run = SearchRun(
            node: node, recentAbove: selection.recentAbove, reader: services.reader(selection),
            deadline: started + services.options.searchLimit,
            isWanted: { [weak connection] in
                guard let connection else { return false }
                // A client may have closed only its own side and still wait, but not for long.
                return await !connection.hasPeerLeft || .now < started + .seconds(1)
            })
        let positions: [Int]
        do {
            positions = try await withTaskExecutorPreference(globalConcurrentExecutor) { try await run.find() }
        } catch SearchRun.Stop.notWanted {
            throw LineError.closed
        } catch SearchRun.Stop.tooLong {
            return .no("The search took too long", code: .limit)
        }
        let view = selection.view
        let numbers = positions.lazy.map { uid ? view.uids[$0] : UInt32(clamping: $0 + 1) }
        if let returns = search.returns {
            out.extendedSearch(tag: tag, uid: uid, returns: returns, found: NumberSet(numbers: numbers))
        } else {
            out.search(numbers)
        }
        return .ok(uid ? "UID SEARCH completed" : "SEARCH completed")
    }
}
