import BlockingWork
package import MailCore
package import SASL
import ServiceKit
import Synchronization

/// Decides whether an address and a password belong together. Hashing runs on a thread of its own, never on an event
/// loop; a wrong password, an unknown name and a disabled account look the same and take the same time.
package final class Authenticator: Sendable {
    package struct Login: Sendable, Hashable {
        package let account: AccountID
        /// The account's own address.
        package let address: String

        package init(account: AccountID, address: String) {
            self.account = account
            self.address = address
        }
    }

    package enum Outcome: Sendable {
        case accepted(Login)
        /// Wrong, unknown or disabled: which one is nobody's business.
        case refused
        /// Too many failures from there; nothing was looked at.
        case throttled
        /// The database does not answer.
        case unavailable
    }

    /// Verified passwords are forgotten after this.
    private static let memory = Duration.seconds(300)
    private static let usualCapacity = 20_000

    private let find: @Sendable (_ name: String) async throws -> AccountStore.Credential?
    private let limiter: GuessLimiter
    private let hasher = PasswordHasher()
    private let verified = VerifiedPasswords()
    private let state = Mutex(State())

    private struct State {
        /// Client address and account that have logged in before.
        var usual: Set<String> = []
        var clearedAt = ContinuousClock.now
    }

    /// - Parameter failuresPerMinute: for one client address; 0 means no limit.
    package convenience init(accounts: AccountStore, failuresPerMinute: Int = 10) {
        self.init(failuresPerMinute: failuresPerMinute) { try await accounts.credential(for: $0) }
    }

    /// - Parameter find: what a name's password is verified against.
    package init(
        failuresPerMinute: Int = 10,
        find: @escaping @Sendable (_ name: String) async throws -> AccountStore.Credential?
    ) {
        self.find = find
        self.limiter = GuessLimiter(perMinute: failuresPerMinute)
    }

    /// Another limit from now on.
    package func update(failuresPerMinute: Int) { limiter.update(perMinute: failuresPerMinute) }

    /// - Parameter peer: what limits count by, see `LineConnection.peerKey`.
    package func authenticate(_ credentials: Credentials, from peer: String) async -> Outcome {
        let name = LocalAddress(credentials.identity)?.full ?? String(credentials.identity.prefix(64))
        let pair = "\(peer) \(name)"
        // Who logged in from here before has a budget of failures apart, which strangers there cannot use up.
        let key = state.withLock { $0.usual.contains(pair) } ? pair : peer
        let outcome = await check(name, credentials, key)
        switch outcome {
        case .accepted:
            remember(pair)
            Self.outcomes.accepted.increment()
        case .unavailable: Self.outcomes.unavailable.increment()
        case .refused: Self.outcomes.refused.increment()
        case .throttled: Self.outcomes.throttled.increment()
        }
        return outcome
    }

    private func check(_ name: String, _ credentials: Credentials, _ key: String) async -> Outcome {
        if limiter.isExhausted(key) { return .throttled }
        let found: AccountStore.Credential?
        do {
            found = try await find(name)
        } catch {
            return .unavailable
        }
        let password = credentials.password.reveal()
        // A disabled account is like one that is not there: nobody learns that a password of its is right.
        guard let found, !found.isDisabled else {
            return await hasher.guess(password, .decoy, limiter, key) == nil ? .throttled : .refused
        }
        let stored = found.verifier.reveal()
        let mark = verified.mark(password: password, verifier: stored)
        if !verified.contains(mark) {
            let verifier = ScramVerifier(stored) ?? .decoy
            guard let isRight = await hasher.guess(password, verifier, limiter, key) else { return .throttled }
            guard isRight else { return .refused }
            verified.insert(mark)
        }
        return .accepted(Login(account: found.account, address: found.address))
    }

    private func remember(_ pair: String) {
        let clear = state.withLock { state in
            if state.usual.count >= Self.usualCapacity { state.usual.removeAll() }
            state.usual.insert(pair)
            guard ContinuousClock.now - state.clearedAt > Self.memory else { return false }
            state.clearedAt = .now
            return true
        }
        if clear { verified.clear() }
    }

    private static let outcomes = (
        accepted: counter("accepted"), refused: counter("refused"), throttled: counter("throttled"),
        unavailable: counter("unavailable")
    )

    private static func counter(_ outcome: String) -> Metric.Counter {
        Metric.Counter("mail_logins_total", help: "Logins by outcome.", labels: ["outcome": outcome])
    }
}

/// One thread that hashes: a flood of logins delays logins and nothing else.
private actor PasswordHasher {
    private let thread = BlockingThread(name: "password")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Whether the password is right; `nil` when there were too many wrong ones before it.
    ///
    /// Taken, looked at and given back in one step, one guess at a time: of many right passwords at once none stands in
    /// another's way, and many wrong ones at once are too many all the same.
    func guess(_ password: [UInt8], _ verifier: ScramVerifier, _ limiter: GuessLimiter, _ key: String) -> Bool? {
        guard limiter.take(key) else { return nil }
        guard verifier.matches(password) else { return false }
        limiter.giveBack(key)
        return true
    }

    deinit { thread.stop() }
}
