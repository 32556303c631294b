extension IMAPSession {
    /// NOOP and CHECK (RFC 3501 6.1.2, 6.4.1). The newest version is known without asking, unless the bus is away.
    nonisolated(nonsending) func noop(_ name: String) async throws -> Completion {
        if let selection, !services.isBusConnected() {
            _ = try await services.registry.refresh(selection.mailbox)
        }
        return .ok("\(name) completed")
    }
}
