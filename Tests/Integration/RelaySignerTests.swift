import DKIM
import MailCore
import PostgreSQL
import SMTPRelay
import Storage
import Testing

/// Who gets a signature, with relayd's own rights.
@Suite(.enabled(if: TestDatabase.isAvailable, "\(TestDatabase.reason)"))
struct RelaySignerTests {
    private struct Fixture {
        let signer: RelaySigner
        let alice: AccountID
        let bob: AccountID

        func sign(
            _ header: String, origin: MailOrigin = .submission, as submitter: AccountID?
        ) async throws -> String {
            var message = DKIMMessageHash()
            message.update(Array((header + "\r\nSubject: x\r\n\r\nHello\r\n").utf8))
            let field = try await signer.signature(
                origin: origin, submitter: submitter, message: message, at: Timestamp(seconds: 1_800_000_000))
            return String(decoding: field, as: UTF8.self)
        }
    }

    private func with(_ body: (Fixture) async throws -> Void) async throws {
        try await TestDatabase.with { configuration in
            var restricted = configuration
            restricted.url = FilingFixture.withRole("martlet_relayd", configuration.url)
            let owner = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let relayd = PostgresPool(configuration: restricted, logger: TestDatabase.logger)
            let accounts = AccountStore(pool: owner)
            for domain in ["example.test", "other.test"] {
                _ = try await accounts.addDomain(domain)
                let keys = try [DKIMAlgorithm.rsa, .ed25519].map { algorithm in
                    let key = try DKIMPrivateKey.generate(algorithm)
                    return DomainKeyStore.NewKey(
                        selector: algorithm.keyType, algorithm: algorithm.rawValue, privateKey: key.stored,
                        publicKey: key.publicKey)
                }
                _ = try await DomainKeyStore(pool: owner).add(keys, to: domain, signing: true)
            }
            _ = try await accounts.addAccounts(
                ["alice@example.test", "bob@example.test"].map { .init(address: $0, verifier: Secret("x")) })
            _ = try await accounts.addAlias("sales@other.test", target: "alice@example.test")
            func id(_ address: String) async throws -> AccountID {
                guard case .local(let found) = try await accounts.resolve(address), let first = found.first else {
                    throw PostgresError(.decoding, "no account")
                }
                return first.account
            }
            let signer = RelaySigner(
                keys: DomainKeyStore(pool: relayd), accounts: AccountStore(pool: relayd), logger: TestDatabase.logger)
            try await body(
                Fixture(signer: signer, alice: await id("alice@example.test"), bob: await id("bob@example.test")))
        }
    }

    @Test func aMailUnderTheSubmittersOwnNameIsSignedTwice() async throws {
        try await with { fixture in
            for from in [
                "alice@example.test", "\"bob@example.test\" (bob@x \\) (y)) <alice@example.test> (work)",
                "alice@example.test (Alice)", "=?utf-8?q?A?=\r\n <alice@example.test>", "\"alice\"@example.test",
                "Alice <Alice+tag@Example.test>",
                "\"A\" (x) <alice@example.test>\r\nSender: x@remote.test",
            ] {
                let fields = try await fixture.sign("From: \(from)", as: fixture.alice)
                #expect(fields.contains("a=rsa-sha256;") && fields.contains("a=ed25519-sha256;"), "\(from)")
                #expect(fields.contains("d=example.test;") && fields.contains("t=1800000000;"))
            }
            // An alias of another domain of ours: with that domain's key.
            #expect(try await fixture.sign("From: sales@other.test", as: fixture.alice).contains("d=other.test;"))
            #expect(
                try await fixture.sign("From: MAILER-DAEMON@example.test", origin: .dsn, as: nil).contains(
                    "d=example.test;"))
        }
    }

    @Test(arguments: [
        "From: bob@example.test", "From: nobody@example.test", "From: ceo@other.test", "From: a@remote.test",
        "From: alice@example.test, bob@example.test", "From: alice@example.test\r\nFrom: bob@example.test",
        "From: bob@example.test\r\nFrom: alice@example.test", "From: alice@example.test\r\nSender: bob@example.test",
        "From: alice@example.test\r\nResent-From: bob@example.test", "From: <@x.test:alice@example.test>",
        "From: alice@example.test <bob@example.test>", "From: bob@example.test <alice@example.test>",
        "From: <alice@example.test> bob@example.test", "From: alice@example.test bob@example.test",
        "From: <alice@example.test bob@example.test>", "From: <alice@example.test> Bob", "From: alice@example.test Bob",
        "From: <alice@example.test>bob", "From: <bob> <alice@example.test>", "From: \"Bob <alice@example.test>",
        "From: (Bob <alice@example.test>", "From: Team: alice@example.test;", "From:", "To: x@remote.test",
        "From : alice@example.test", "From: =?utf-8?q?alice=40example.test?=",
    ])
    func aMailUnderAnothersNameIsNot(_ header: String) async throws {
        try await with { fixture in
            let fields = try await fixture.sign(header, as: fixture.alice)
            #expect(fields == "")
        }
    }

    @Test func whatWasNotWrittenHereIsNot() async throws {
        try await with { fixture in
            for origin in [MailOrigin.mx, .forward, .append] {
                for submitter in [nil, fixture.alice] {
                    let fields = try await fixture.sign("From: alice@example.test", origin: origin, as: submitter)
                    #expect(fields == "")
                }
            }
            for submitter in [nil, fixture.bob] {
                let fields = try await fixture.sign("From: alice@example.test", as: submitter)
                #expect(fields == "")
            }
        }
    }
}
