import Dispatch
import MailCore
import PostgreSQL
import Storage
import Testing

@Suite("Accounts", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct PostgreSQLAccountTests {
    private func withStore(_ body: (AccountStore, PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.withPool { pool in
            let store = AccountStore(pool: pool)
            _ = try await store.addDomain("Local.Test")
            _ = try await store.addAccounts(
                ["alice", "bob", "carol"].map { .init(address: "\($0)@local.test", verifier: Secret("v-\($0)")) })
            try await body(store, pool)
        }
    }

    private func names(_ resolution: AccountStore.Resolution) -> [String] {
        if case .local(let recipients) = resolution { recipients.map(\.address).sorted() } else { ["\(resolution)"] }
    }

    @Test("addresses resolve without regard to case and tag")
    func resolve() async throws {
        try await withStore { store, _ in
            for (address, expected) in [
                ("alice@local.test", "alice@local.test"), ("ALICE+lists@LOCAL.TEST", "alice@local.test"),
                ("nobody@local.test", "unknown"), ("alice@remote.test", "foreign"), ("no-at-sign", "unknown"),
                ("+tag@local.test", "unknown"), ("@local.test", "unknown"), ("a lice@local.test", "unknown"),
            ] {
                let resolution = try await store.resolve(address)
                #expect(names(resolution) == [expected], "\(address)")
            }
        }
    }

    @Test("aliases expand without doubles, loops end, and an alias that names itself keeps its copy")
    func aliases() async throws {
        try await withStore { store, pool in
            for (address, target) in [
                ("team@local.test", "alice@local.test"), ("team@local.test", "bob@local.test"),
                ("all@local.test", "team@local.test"), ("all@local.test", "bob@local.test"),
                ("carol@local.test", "carol@local.test"), ("carol@local.test", "alice@local.test"),
            ] {
                let added = try await store.addAlias(address, target: target)
                #expect(added)
            }
            // A loop cannot be added by command; here is one nevertheless.
            try await pool.withConnection {
                try $0.script("INSERT INTO alias VALUES ('team@local.test', 'all@local.test')")
            }
            let all = try await store.resolve("all+x@local.test")
            #expect(names(all) == ["alice@local.test", "bob@local.test"])
            let carol = try await store.resolve("carol@local.test")
            #expect(names(carol) == ["alice@local.test", "carol@local.test"])
            let mayUse = try await store.mayUse("team@local.test", account: AccountID(2))
            #expect(mayUse)
        }
    }

    @Test("an alias forwards to foreign targets, beside local ones, however deep")
    func forwardingAliases() async throws {
        try await withStore { store, _ in
            _ = try await store.addAlias("x@local.test", target: "Friend@remote.test")
            #expect(try await store.addAlias("x@local.test", target: "friend@Remote.test"), "another spelling replaces")
            #expect(try await store.resolve("x@local.test") == .forwarded([], targets: ["friend@remote.test"]))
            _ = try await store.addAlias("y@local.test", target: "x@local.test")
            _ = try await store.addAlias("y@local.test", target: "alice@local.test")
            guard case .forwarded(let locals, let targets) = try await store.resolve("y@local.test") else {
                Issue.record("not forwarded")
                return
            }
            #expect(locals.map(\.address) == ["alice@local.test"] && targets == ["friend@remote.test"])
            #expect(try await store.resolve("friend@remote.test") == .foreign)
            #expect(try await !store.mayUse("x@local.test", account: AccountID(1)))
            await #expect(throws: AccountStore.AdministrationError.foreign("remote.test")) {
                _ = try await store.addAlias("x@remote.test", target: "alice@local.test")
            }
        }
    }

    @Test("a target elsewhere keeps its local part as it was written")
    func writtenTargets() async throws {
        try await withStore { store, _ in
            _ = try await store.addAlias("x@local.test", target: "John.Doe+Tag=A@Remote.test")
            _ = try await store.addAlias("x@local.test", target: "ALICE@Local.test")
            _ = try await store.addAlias("Deep@local.test", target: "X@local.test")
            for address in ["x@local.test", "deep@LOCAL.test"] {
                guard case .forwarded(let locals, let targets) = try await store.resolve(address) else {
                    Issue.record("not forwarded")
                    return
                }
                #expect(locals.map(\.address) == ["alice@local.test"] && targets == ["John.Doe+Tag=A@remote.test"])
            }
        }
    }

    @Test("refuses aliases to unknown targets, and chains of more than ten")
    func refusedAliases() async throws {
        try await withStore { store, _ in
            typealias Problem = AccountStore.AdministrationError
            await #expect(throws: Problem.notFound("ghost@local.test")) {
                _ = try await store.addAlias("x@local.test", target: "ghost@local.test")
            }
            _ = try await store.addAlias("a0@local.test", target: "alice@local.test")
            for level in 1..<10 {
                _ = try await store.addAlias("a\(level)@local.test", target: "a\(level - 1)@local.test")
            }
            let deep = try await store.resolve("a9@local.test")
            #expect(names(deep) == ["alice@local.test"])
            await #expect(throws: Problem.self) {
                _ = try await store.addAlias("a10@local.test", target: "a9@local.test")
            }
        }
    }

    @Test(
        "refuses addresses that would need quotes",
        arguments: [
            "a@b@local.test", "a b@local.test", "a..b@local.test", "(a)@local.test", "a,b@local.test", "@local.test",
        ])
    func oddAddresses(address: String) async throws {
        let parsed = LocalAddress(address)
        #expect(parsed == nil || parsed?.isPlain == false)
    }

    @Test("an account starts with its mailboxes, subscribed, each with a UIDVALIDITY of its own")
    func provisioning() async throws {
        try await withStore { _, pool in
            let names = PreparedStatement(
                "m_names",
                "SELECT string_agg(name || coalesce(special_use, ''), ' ' ORDER BY mailbox_id) FROM mailbox WHERE account_id = 1"
            )
            let text = try await pool.withConnection { try $0.execute(names)[0].text(0) }
            #expect(text == #"INBOX Junk\Junk Sent\Sent Drafts\Drafts Trash\Trash Archive\Archive"#)
            let distinct = PreparedStatement(
                "m_distinct",
                "SELECT count(DISTINCT uidvalidity) FROM mailbox WHERE uidvalidity BETWEEN 1 AND 4294967295")
            let count = try await pool.number(distinct)
            #expect(count == 18)
        }
    }

    @Test("a disabled account neither receives nor logs in; its password can be changed")
    func disable() async throws {
        try await withStore { store, _ in
            try await store.setDisabled(true, of: "bob@local.test")
            let resolution = try await store.resolve("bob@local.test")
            #expect(resolution == .unknown)
            let disabled = try await store.credential(for: "BOB@local.test")
            #expect(disabled?.isDisabled == true)
            try await store.setDisabled(false, of: "bob@local.test")
            try await store.setVerifier(Secret("new"), of: "bob@local.test")
            let enabled = try await store.credential(for: "bob@local.test")
            #expect(enabled?.isDisabled == false)
            #expect(enabled?.verifier.reveal() == "new")
            await #expect(throws: AccountStore.AdministrationError.notFound("zed@local.test")) {
                try await store.setDisabled(true, of: "zed@local.test")
            }
        }
    }

    @Test("thousands of accounts are added in one go; an existing one refuses all, or is skipped")
    func many() async throws {
        try await withStore { store, _ in
            let accounts = (0..<5000).map {
                AccountStore.NewAccount(address: "u\($0)@local.test", verifier: Secret("v"))
            }
            let started = ContinuousClock.now
            let added = try await store.addAccounts(accounts)
            #expect(added.count == 5000)
            #expect(ContinuousClock.now - started < .seconds(10))
            let more = [AccountStore.NewAccount(address: "new@local.test", verifier: Secret("v"))] + accounts.prefix(1)
            await #expect(throws: AccountStore.AdministrationError.exists("u0@local.test")) {
                _ = try await store.addAccounts(more)
            }
            let skipped = try await store.addAccounts(more, skipExisting: true)
            #expect(skipped == ["new@local.test"])
            let listed = try await store.accounts()
            #expect(listed.count == 5004)
            let page = try await store.accounts(after: "alice@local.test", limit: 2)
            #expect(page.map(\.address) == ["bob@local.test", "carol@local.test"])
            let domains = try await store.domains()
            #expect(domains.map(\.accounts) == [5004])
            await #expect(throws: AccountStore.AdministrationError.foreign("remote.test")) {
                _ = try await store.addAccounts([.init(address: "x@remote.test", verifier: Secret("v"))])
            }
        }
    }
}

@Suite("Migrations", .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct PostgreSQLMigrationTests {
    @Test("run once, several at the same time included; a changed one is refused")
    func once() async throws {
        try await TestDatabase.with(migrated: false) { configuration in
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<3 { group.addTask { try await pool.withConnection { try Migrator.run(on: $0) } } }
                return try await group.reduce([], +)
            }
            #expect(applied == applied.sorted() && Set(applied).count == applied.count)
            let steps = try await pool.withConnection { try Migrator.status(on: $0) }
            #expect(steps.map(\.name) == applied)
            #expect(steps.allSatisfy { $0.isApplied && !$0.isChanged })
            try await pool.withConnection {
                try $0.script("UPDATE schema_migration SET sha256 = 'x' WHERE name LIKE 'M0002%'")
            }
            await #expect(throws: Migrator.MigrationError.self) {
                _ = try await pool.withConnection { try Migrator.run(on: $0) }
            }
        }
    }

    @Test("a migration that waits for a lock lets go of its own again and again, and is done when the lock is free")
    func betweenOthers() async throws {
        try await TestDatabase.with(migrated: false) { configuration in
            let pool = PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            try await pool.withConnection {
                try $0.script(
                    """
                    CREATE TABLE schema_migration (
                        name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
                    """)
            }
            let (locked, lock) = AsyncStream.makeStream(of: Void.self)
            let release = DispatchSemaphore(value: 0)
            async let holder: Void = pool.transaction { connection in
                try connection.script("LOCK TABLE schema_migration IN SHARE MODE")
                lock.yield()
                release.wait()
            }
            for await _ in locked { break }
            async let applied = pool.withConnection { try Migrator.run(on: $0, lockTimeout: .milliseconds(100)) }
            var pauses: Int64 = 0
            for _ in 0..<200 where pauses == 0 {
                pauses = try await pool.number(Self.pauses)
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(pauses > 0)
            release.signal()
            try await holder
            #expect(try await applied.count > 10)
        }
    }

    private static let pauses = PreparedStatement(
        "mt_pauses",
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")

    @Test("no daemon's role can do more than its arrows")
    func roles() async throws {
        try await TestDatabase.withPool { pool in
            for (role, sql) in [
                ("martlet_smtpd", "SELECT * FROM mailbox"), ("martlet_smtpd", "SELECT bytes FROM body_chunk"),
                ("martlet_smtpd", "DELETE FROM work"), ("martlet_smtpd", "SELECT summary FROM mail"),
                ("martlet_classifyd", "SELECT scram FROM account"), ("martlet_classifyd", "DELETE FROM mail"),
                ("martlet_filerd", "SELECT scram FROM account"), ("martlet_filerd", "UPDATE domain SET name = 'x'"),
                ("martlet_relayd", "SELECT scram FROM account"), ("martlet_relayd", "SELECT * FROM mailbox"),
                ("martlet_relayd", "DELETE FROM mail"), ("martlet_relayd", "UPDATE alias SET target = 'x'"),
                ("martlet_smtpd", "SELECT * FROM relay_copy"), ("martlet_accessd", "SELECT * FROM relay_lease"),
                ("martlet_accessd", "DELETE FROM mail"), ("martlet_accessd", "UPDATE account SET scram = 'x'"),
                ("martlet_watchd", "UPDATE account SET scram = 'x'"), ("martlet_watchd", "DELETE FROM mail"),
                ("martlet_watchd", "SELECT bytes FROM body_chunk"), ("martlet_watchd", "DELETE FROM work"),
                ("martlet_classifyd", "SELECT * FROM installation"),
                ("martlet_filerd", "SELECT * FROM alias"), ("martlet_filerd", "UPDATE verdict SET label = 'x'"),
                ("martlet_accessd", "SELECT * FROM verdict"), ("martlet_accessd", "DELETE FROM body_release"),
            ] {
                let error = await #expect(throws: PostgresError.self, "\(role): \(sql)") {
                    try await pool.withConnection { connection in
                        defer { try? connection.script("RESET ROLE") }
                        try connection.script("SET ROLE \(role)")
                        try connection.script(sql)
                    }
                }
                #expect(error?.sqlState == "42501", "\(role): \(sql)")
            }
        }
    }
}
