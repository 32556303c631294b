import MailCore
import PostgreSQL
import SASL
import Storage
import Testing

@Suite("Authenticator", .serialized, .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct AuthenticatorTests {
    private func withAuthenticator(
        failuresPerMinute: Int = 0, _ body: (Authenticator, AccountStore) async throws -> Void
    ) async throws {
        try await TestDatabase.withPool { pool in
            let store = AccountStore(pool: pool)
            _ = try await store.addDomain("local.test")
            _ = try await store.addAccounts(
                ["alice", "bob"].map {
                    .init(address: "\($0)@local.test", verifier: Secret(ScramVerifier.make(password: "\($0)-pw")))
                })
            try await body(Authenticator(accounts: store, failuresPerMinute: failuresPerMinute), store)
        }
    }

    private func login(
        _ authenticator: Authenticator, _ name: String, _ password: String, from peer: String = "192.0.2.1"
    ) async -> String {
        let credentials = Credentials(identity: name, password: Secret(Array(password.utf8)))
        switch await authenticator.authenticate(credentials, from: peer) {
        case .accepted(let login): return login.address
        case .refused: return "refused"
        case .throttled: return "throttled"
        case .unavailable: return "unavailable"
        }
    }

    @Test("a login name has one form, and nothing but the password opens it")
    func names() async throws {
        try await withAuthenticator { authenticator, _ in
            for (name, password, expected) in [
                ("alice@local.test", "alice-pw", "alice@local.test"),
                ("ALICE@Local.Test", "alice-pw", "alice@local.test"),
                ("alice@local.test", "bob-pw", "refused"), ("alice@local.test ", "alice-pw", "refused"),
                ("ａlice@local.test", "alice-pw", "refused"), ("nobody@local.test", "alice-pw", "refused"),
                ("alice", "alice-pw", "refused"), ("x' OR '1'='1", "alice-pw", "refused"),
            ] {
                #expect(await login(authenticator, name, password) == expected, "\(name)")
            }
        }
    }

    @Test("a changed password and a disabled account count at once, though the old one was remembered")
    func changes() async throws {
        try await withAuthenticator { authenticator, store in
            for _ in 0..<2 { #expect(await login(authenticator, "alice@local.test", "alice-pw") == "alice@local.test") }
            try await store.setVerifier(Secret(ScramVerifier.make(password: "new")), of: "alice@local.test")
            #expect(await login(authenticator, "alice@local.test", "alice-pw") == "refused")
            #expect(await login(authenticator, "alice@local.test", "new") == "alice@local.test")
            try await store.setDisabled(true, of: "alice@local.test")
            #expect(await login(authenticator, "alice@local.test", "new") == "refused")
        }
    }

    @Test("the right password of a disabled account counts as a wrong one")
    func disabled() async throws {
        try await withAuthenticator(failuresPerMinute: 5) { authenticator, store in
            try await store.setDisabled(true, of: "alice@local.test")
            var answers: [String] = []
            for _ in 0..<20 {
                answers.append(await login(authenticator, "alice@local.test", "alice-pw", from: "203.0.113.9"))
            }
            #expect(answers.filter { $0 == "refused" }.count == 5)
        }
    }

    @Test("guessing is slowed down per address and locks nobody out who comes from the usual one")
    func limits() async throws {
        try await withAuthenticator(failuresPerMinute: 5) { authenticator, _ in
            #expect(await login(authenticator, "alice@local.test", "alice-pw") == "alice@local.test")
            var answers: [String] = []
            for number in 0..<20 {
                answers.append(await login(authenticator, "alice@local.test", "\(number)", from: "203.0.113.9"))
            }
            #expect(answers.filter { $0 == "refused" }.count == 5)
            #expect(answers.last == "throttled")
            // Even the right password is not looked at from there, and neither is another name.
            #expect(await login(authenticator, "bob@local.test", "bob-pw", from: "203.0.113.9") == "throttled")
            #expect(await login(authenticator, "alice@local.test", "alice-pw") == "alice@local.test")
            let elsewhere = await login(authenticator, "alice@local.test", "alice-pw", from: "198.51.100.1")
            #expect(elsewhere == "alice@local.test")
            // A guesser at alice's own address uses up the budget of strangers there, not hers.
            for number in 0..<20 { _ = await login(authenticator, "bob@local.test", "\(number)") }
            #expect(await login(authenticator, "bob@local.test", "bob-pw") == "throttled")
            #expect(await login(authenticator, "alice@local.test", "alice-pw") == "alice@local.test")
        }
    }

    @Test("many right passwords at once are no guesses; of many wrong ones at once only the allowed are looked at")
    func together() async throws {
        try await withAuthenticator(failuresPerMinute: 5) { authenticator, _ in
            func many(_ password: String, from peer: String) async -> [String: Int] {
                await withTaskGroup(of: String.self) { group in
                    for _ in 0..<30 {
                        group.addTask { await login(authenticator, "bob@local.test", password, from: peer) }
                    }
                    return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
                }
            }
            #expect(await many("bob-pw", from: "198.51.100.1") == ["bob@local.test": 30])
            #expect(await many("wrong", from: "198.51.100.2") == ["refused": 5, "throttled": 25])
        }
    }
}
