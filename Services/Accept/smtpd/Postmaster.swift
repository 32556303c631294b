import SMTPServer
import Storage
import Synchronization

/// Finds the postmaster without a domain: the one of the domain that was here first (RFC 5321 4.5.1).
final class Postmaster: Sendable {
    private let accounts: AccountStore
    /// Asked for once: anybody may write to the postmaster, as often as he likes.
    private let domain = Mutex<String?>(nil)

    init(accounts: AccountStore) { self.accounts = accounts }

    nonisolated(nonsending) func resolve(_ address: String) async throws -> AccountStore.Resolution {
        guard address == SMTPService.postmaster else { return try await accounts.resolve(address) }
        guard let domain = try await firstDomain() else { return .unknown }
        return try await accounts.resolve("\(address)@\(domain)")
    }

    private func firstDomain() async throws -> String? {
        if let known = domain.withLock(\.self) { return known }
        let first = try await accounts.domains().min { $0.createdAt < $1.createdAt }?.name
        domain.withLock { $0 = first }
        return first
    }
}
