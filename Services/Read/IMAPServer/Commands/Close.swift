import Storage

extension IMAPSession {
    /// RFC 3501 6.4.2: expunges without telling.
    nonisolated(nonsending) func close(_ selection: Selection) async throws -> Completion {
        if !selection.isReadOnly { _ = try await removeDeleted(PositionRuns(0..<selection.view.count), selection) }
        await deselect()
        return .ok("CLOSE completed")
    }

    /// RFC 3691
    nonisolated(nonsending) func unselect() async -> Completion {
        await deselect()
        return .ok("UNSELECT completed")
    }
}
