import DKIM
import MailCore
import PostgreSQL
import Storage
import Testing

@Suite(.enabled(if: TestDatabase.isAvailable, "\(TestDatabase.reason)"))
struct DomainKeyStoreTests {
    private func new(_ selector: String) throws -> DomainKeyStore.NewKey {
        let key = try DKIMPrivateKey.generate(.ed25519)
        return DomainKeyStore.NewKey(
            selector: selector, algorithm: key.algorithm.rawValue, privateKey: key.stored, publicKey: key.publicKey)
    }

    private func pool(_ configuration: PostgresConfiguration, as role: String? = nil) -> PostgresPool {
        var configuration = configuration
        if let role { configuration.url = FilingFixture.withRole(role, configuration.url) }
        return PostgresPool(configuration: configuration, logger: TestDatabase.logger)
    }

    @Test func aKeyWaitsSignsAndIsWiped() async throws {
        try await TestDatabase.withPool { pool in
            _ = try await AccountStore(pool: pool).addDomain("example.test")
            let store = DomainKeyStore(pool: pool)
            _ = try await store.add([new("a")], to: "Example.test", signing: true)
            #expect(try await store.signingKeys(for: "example.test").map(\.selector) == ["a"])
            // One with the same selector gets another name.
            let both = try await store.add([new("a")], to: "example.test", signing: false)
            #expect(both.map(\.selector) == ["a", "a-2"] && both.map(\.state) == [.signing, .waiting])
            #expect(try await store.signingKeys(for: "example.test").map(\.selector) == ["a"])
            let after = try await store.activate(["a-2"], of: "example.test")
            #expect(after.map(\.state) == [.retired, .signing])
            let keys = try await store.signingKeys(for: "example.test")
            #expect(keys.map(\.selector) == ["a-2"])
            let key = try #require(keys.first)
            #expect(try DKIMPrivateKey(.ed25519, stored: key.privateKey).publicKey == after.last?.publicKey)
            let left = PreparedStatement("left", "SELECT count(private_key) FROM domain_key")
            #expect(try await pool.number(left) == 1)
        }
    }

    @Test func theFirstPairIsMadeOnce() async throws {
        try await TestDatabase.withPool { pool in
            _ = try await AccountStore(pool: pool).addDomain("example.test")
            let store = DomainKeyStore(pool: pool)
            await withTaskGroup(of: Void.self) { group in
                for name in ["a", "b", "c"] {
                    group.addTask {
                        _ = try? await store.add([new(name)], to: "example.test", signing: true, onlyFirst: true)
                    }
                }
            }
            #expect(try await store.keys(of: "example.test").count == 1)
        }
    }

    @Test func aDomainOfOthersHasNoKeys() async throws {
        try await TestDatabase.withPool { pool in
            let store = DomainKeyStore(pool: pool)
            await #expect(throws: AccountStore.AdministrationError.foreign("foreign.test")) {
                try await store.add([new("a")], to: "foreign.test", signing: true)
            }
            let keys = try await store.signingKeys(for: "foreign.test")
            #expect(keys.isEmpty)
        }
    }

    @Test func onlyRelaydReadsAKeyAndItWritesNone() async throws {
        try await TestDatabase.with { configuration in
            let owner = pool(configuration)
            _ = try await AccountStore(pool: owner).addDomain("example.test")
            _ = try await DomainKeyStore(pool: owner).add([new("a")], to: "example.test", signing: true)
            let relayd = DomainKeyStore(pool: pool(configuration, as: "martlet_relayd"))
            #expect(try await relayd.signingKeys(for: "example.test").count == 1)
            await #expect(throws: PostgresError.self) {
                try await relayd.add([new("b")], to: "example.test", signing: true)
            }
            for role in ["smtpd", "classifyd", "filerd", "accessd", "watchd"] {
                let other = DomainKeyStore(pool: pool(configuration, as: "martlet_\(role)"))
                await #expect(throws: PostgresError.self, "\(role)") {
                    try await other.signingKeys(for: "example.test")
                }
            }
        }
    }
}
