import JWTKit
package import MailCore
package import PostgreSQL
package import SASL
package import Storage
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Gives out tokens for passwords, and says who a token is.
package final class LoginDesk: Sendable {
    /// What the desk asks of the world; closures, so that tests need no servers.
    package struct Sources: Sendable {
        package var authenticateAccount: @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome
        package var authenticateAdmin: @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome
        package var signingKey: @Sendable () async throws -> Secret<[UInt8]>
        package var standing: @Sendable (WatchLoginStore.Subject) async throws -> String?
        package var isRevoked: @Sendable (UUIDv7) async throws -> Bool
        package var revoke: @Sendable (UUIDv7, Timestamp) async throws -> Void
        /// Takes up another limit of wrong passwords a minute.
        package var limit: @Sendable (Int) -> Void = { _ in }

        package init(
            authenticateAccount: @escaping @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome,
            authenticateAdmin: @escaping @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome,
            signingKey: @escaping @Sendable () async throws -> Secret<[UInt8]>,
            standing: @escaping @Sendable (WatchLoginStore.Subject) async throws -> String?,
            isRevoked: @escaping @Sendable (UUIDv7) async throws -> Bool,
            revoke: @escaping @Sendable (UUIDv7, Timestamp) async throws -> Void
        ) {
            self.authenticateAccount = authenticateAccount
            self.authenticateAdmin = authenticateAdmin
            self.signingKey = signingKey
            self.standing = standing
            self.isRevoked = isRevoked
            self.revoke = revoke
        }

        package static func live(pool: PostgresPool, failuresPerMinute: Int) -> Sources {
            let store = WatchLoginStore(pool: pool)
            let accounts = Authenticator(accounts: AccountStore(pool: pool), failuresPerMinute: failuresPerMinute)
            let admins = Authenticator(failuresPerMinute: failuresPerMinute) {
                try await store.credential(ofAdmin: $0)
            }
            var sources = Sources(
                authenticateAccount: { await accounts.authenticate($0, from: $1) },
                authenticateAdmin: { await admins.authenticate($0, from: $1) },
                signingKey: { try await store.signingKey { TokenIssuer.makeKey() } },
                standing: { try await store.standing(of: $0) }, isRevoked: { try await store.isRevoked($0) },
                revoke: { try await store.revoke($0, expiresAt: $1) })
            sources.limit = {
                accounts.update(failuresPerMinute: $0)
                admins.update(failuresPerMinute: $0)
            }
            return sources
        }
    }

    package struct Session: Sendable {
        package let viewer: Viewer
        package let tokenID: UUIDv7
        package let expiresAt: Timestamp
    }

    enum Outcome: Sendable {
        case accepted(token: String, Session)
        case refused, throttled, unavailable
    }

    /// A token is asked for again after this: how long a revocation takes to be known everywhere.
    private static let freshness = Duration.seconds(5)
    /// While the database is away, who was good just now still is.
    private static let patience = Duration.seconds(60)
    private static let capacity = 1000

    private let sources: Sources
    private let state = Mutex(State())

    private struct State {
        var issuer: TokenIssuer?
        var checked: [UUIDv7: ContinuousClock.Instant] = [:]
    }

    package init(sources: Sources) { self.sources = sources }

    package func update(failuresPerMinute: Int) { sources.limit(failuresPerMinute) }

    // MARK: - Coming and going

    func login(_ credentials: Credentials, from peer: String) async -> Outcome {
        let isAddress = credentials.identity.contains("@")
        let outcome =
            isAddress
            ? await sources.authenticateAccount(credentials, peer) : await sources.authenticateAdmin(credentials, peer)
        switch outcome {
        case .refused: return .refused
        case .throttled: return .throttled
        case .unavailable: return .unavailable
        case .accepted(let login):
            let viewer = Viewer(
                name: login.address, subject: isAddress ? .account(login.account) : .admin(login.address))
            // The log of the pool says what is wrong.
            return (try? await admit(viewer)) ?? .unavailable
        }
    }

    private func admit(_ viewer: Viewer) async throws -> Outcome {
        guard let mark = try await sources.standing(viewer.subject) else { return .refused }
        let issuer = try await issuer()
        let issued = try await issuer.issue(viewer, mark: mark)
        guard let claims = await issuer.read(issued.token), let id = claims.id else { return .unavailable }
        return .accepted(
            token: issued.token, Session(viewer: viewer, tokenID: id, expiresAt: issued.expiresAt))
    }

    func logout(_ session: Session) async throws {
        state.withLock { $0.checked[session.tokenID] = nil }
        try await sources.revoke(session.tokenID, session.expiresAt)
    }

    // MARK: - Who is it

    /// `nil` when the token is nobody's (any more); throws when that cannot be found out now.
    func session(of token: String) async throws -> Session? {
        guard let claims = await (try issuer()).read(token), let id = claims.id, let viewer = claims.viewer else {
            return nil
        }
        let session = Session(
            viewer: viewer, tokenID: id, expiresAt: Timestamp(seconds: Int64(claims.exp.value.timeIntervalSince1970)))
        let checkedAt = state.withLock { $0.checked[id] }
        if let checkedAt, .now - checkedAt < Self.freshness { return session }
        do {
            async let isRevoked = sources.isRevoked(id)
            async let mark = sources.standing(viewer.subject)
            guard try await !isRevoked, try await mark == claims.mark else {
                state.withLock { $0.checked[id] = nil }
                return nil
            }
        } catch {
            if let checkedAt, .now - checkedAt < Self.patience { return session }
            throw error
        }
        state.withLock { state in
            if state.checked.count >= Self.capacity { state.checked.removeAll(keepingCapacity: true) }
            state.checked[id] = .now
        }
        return session
    }

    private func issuer() async throws -> TokenIssuer {
        if let issuer = state.withLock({ $0.issuer }) { return issuer }
        // Two at once make two issuers of the same key.
        let issuer = try await TokenIssuer(key: try await sources.signingKey())
        state.withLock { $0.issuer = issuer }
        return issuer
    }
}
