import MailCore
import PostgreSQL
import SASL
import Storage
import Testing

/// With watchd's own role, so that its rights are tested too.
@Suite(.enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct WatchStoreTests {
    private struct World {
        let filing: FilingFixture
        let watchd: PostgresPool
        var store: WatchStore { WatchStore(pool: watchd) }
        var logins: WatchLoginStore { WatchLoginStore(pool: watchd) }

        /// Files what is to be filed for the mail.
        func file(_ mail: MailID) async throws {
            _ = try await filing.store.file([mail], decide: FilingFixture.decide)
        }
    }

    private func with<T>(_ body: (World) async throws -> T) async throws -> T {
        try await TestDatabase.with { configuration in
            func pool(_ role: String?) -> PostgresPool {
                var configuration = configuration
                if let role { configuration.url = FilingFixture.withRole(role, configuration.url) }
                return PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            }
            return try await body(
                World(
                    filing: FilingFixture(owner: pool(nil), filerd: pool("martlet_filerd")),
                    watchd: pool("martlet_watchd")))
        }
    }

    @Test func `an account sees what is in its mailboxes, on its way, and sent; an admin all`() async throws {
        try await with { world in
            let alice = try await world.filing.account("alice")
            let bob = try await world.filing.account("bob")
            let toAlice = try await world.filing.mail(to: [alice])
            let toBoth = try await world.filing.mail(to: [alice, bob])
            let toBob = try await world.filing.mail(to: [bob], verdict: nil, stage: .classify)
            let sent = try await world.filing.mail(to: [bob])
            try await world.filing.sql(
                "UPDATE mail SET origin = 2, account_id = \(alice.value) WHERE mail_id = '\(sent)'")
            try await world.file(toAlice)
            let own = WatchScope.account(alice)
            #expect(try await world.store.newest(own, limit: 10) == [sent, toBoth, toAlice])
            #expect(try await world.store.newest(.account(bob), limit: 10) == [sent, toBob, toBoth])
            #expect(try await world.store.newest(.everything, limit: 10) == [sent, toBob, toBoth, toAlice])
            #expect(try await world.store.newest(.everything, before: toBob, limit: 1) == [toBoth])
            #expect(try await world.store.newest(own, before: sent, limit: 10) == [toBoth, toAlice])

            for (mail, scope, isVisible) in [(toBob, own, false), (toBoth, own, true), (toBob, .everything, true)] {
                #expect(try await world.store.visible(mail, scope).isVisible == isVisible)
            }
            #expect(try await world.store.visible(toBoth, own).recipients == [1])
            #expect(try await world.store.visible(sent, own).recipients == nil)
        }
    }

    @Test func `of the recipients an account sees itself, of its own submission all`() async throws {
        try await with { world in
            let alice = try await world.filing.account("alice")
            let bob = try await world.filing.account("bob")
            let toBoth = try await world.filing.mail(to: [alice, bob])
            let mails = try await world.store.mails([toBoth], .account(bob))
            #expect(mails.first?.recipientCount == 1)
            #expect(mails.first?.work.map(\.recipient) == [2])
            let all = try await world.store.mails([toBoth], .everything)
            #expect(all.first?.recipientCount == 2 && all.first?.work.count == 2)
            try await world.filing.sql(
                "UPDATE mail SET origin = 2, account_id = \(bob.value) WHERE mail_id = '\(toBoth)'")
            #expect(try await world.store.mails([toBoth], .account(bob)).first?.recipientCount == 2)
        }
    }

    @Test func `a mail goes its way: stage, verdict, hops`() async throws {
        try await with { world in
            let alice = try await world.filing.account("alice")
            let mail = try await world.filing.mail(to: [alice])
            let before = try #require(try await world.store.mails([mail], .everything).first)
            #expect(before.work == [.init(stage: .file, recipient: 1, isParked: false)])
            #expect(before.verdict?.label == "ham")
            let count = try await world.store.eventCounts(of: [mail])[mail, default: 0]
            try await world.file(mail)
            let after = try #require(try await world.store.mails([mail], .account(alice)).first)
            #expect(after.work.isEmpty)
            #expect(after.events.last?.event == "filed")
            #expect(after.events.last?.detail["name"] == .text("INBOX"))
            #expect(try await world.store.eventCounts(of: [mail])[mail] == count + 1)
            let trace = try await MailTraceStore(pool: world.watchd).find(mail.description)
            guard case .found(let found) = trace else { return #expect(Bool(false), "no trace") }
            #expect(found.copies.map(\.mailbox) == ["INBOX"])
        }
    }

    @Test func `what others did with their copies is nobody else's to see, of the sender neither`() async throws {
        try await with { world in
            let alice = try await world.filing.account("alice")
            let bob = try await world.filing.account("bob")
            let mail = try await world.filing.mail(to: [bob, alice])
            try await world.file(mail)
            try await world.filing.sql(
                """
                INSERT INTO mail_event (mail_id, event, detail) VALUES
                    ('\(mail)', 'reported', '{"account": \(alice.value), "label": "spam"}'),
                    ('\(mail)', 'learnt', '{"account": \(alice.value), "label": "spam", "model": 2}'),
                    ('\(mail)', 'relabelled', '{"label": "spam", "moved": 1}'),
                    ('\(mail)', 'notified', '{"mail": "x"}')
                """)
            func events(_ scope: WatchScope) async throws -> [String] {
                try await world.store.mails([mail], scope).first?.events.map {
                    "\($0.event) \($0.detail["account"]?.description ?? "-") \($0.detail["name"]?.description ?? "-")"
                }.sorted() ?? []
            }
            let ofBob = "filed \(bob.value) INBOX"
            let ofAlice = ["filed \(alice.value) INBOX", "learnt \(alice.value) -", "reported \(alice.value) -"]
            #expect(try await events(.account(bob)) == [ofBob, "relabelled - -"])
            #expect(try await events(.account(alice)) == (ofAlice + ["relabelled - -"]).sorted())
            #expect(try await events(.everything) == (ofAlice + [ofBob, "notified - -", "relabelled - -"]).sorted())
            let moved = try await world.store.mails([mail], .account(bob)).first?.events.contains {
                $0.detail["moved"] != nil
            }
            #expect(moved == false)
            try await world.filing.sql(
                "UPDATE mail SET origin = 2, account_id = \(bob.value) WHERE mail_id = '\(mail)'")
            #expect(try await events(.account(bob)) == ["filed - -", ofBob, "notified - -", "relabelled - -"])
        }
    }

    @Test func `parked work: its owner and admins see it, and it gets another try`() async throws {
        try await with { world in
            let alice = try await world.filing.account("alice")
            let bob = try await world.filing.account("bob")
            let mail = try await world.filing.mail(to: [alice])
            #expect(try await WorkStore(pool: world.filing.owner).park(mail, [.file], reason: "broken"))
            #expect(try await world.store.parked(.everything, limit: 10).map(\.mail) == [mail])
            #expect(try await world.store.parked(.account(alice), limit: 10).first?.lastError == "broken")
            #expect(try await world.store.parked(.account(bob), limit: 10).isEmpty)
            #expect(try await world.store.stages(.account(alice)).first?.parked == 1)
            #expect(try await world.store.stages(.account(bob)).isEmpty)
            #expect(try await world.store.stages(.everything).first?.parked == 1)
            #expect(try await WorkStore(pool: world.watchd).reissue([mail]) == 1)
            #expect(try await world.store.parked(.everything, limit: 10).isEmpty)
        }
    }

    @Test func `watchd reads no body, and changes no mail`() async throws {
        try await with { world in
            for statement in [
                "SELECT bytes FROM body_chunk", "SELECT prefix FROM mailbox_message",
                "UPDATE mail SET envelope_from = ''",
                "DELETE FROM work", "INSERT INTO watch_admin (name, scram) VALUES ('x', 'y')",
                "UPDATE account SET scram = ''",
                "SELECT * FROM domain_key",
            ] {
                await #expect(throws: PostgresError.self, "\(statement)") {
                    try await world.watchd.withConnection { try $0.script(statement) }
                }
            }
        }
    }

    // MARK: - Login

    @Test func `the first process makes the key, all have the same`() async throws {
        try await with { world in
            let first = try await world.logins.signingKey { Secret([1, 2, 3]) }.reveal()
            let second = try await world.logins.signingKey { Secret([4, 5, 6]) }.reveal()
            #expect(first == [1, 2, 3] && second == first)
        }
    }

    @Test func `an admin is set, found by name, changed and deleted`() async throws {
        try await with { world in
            let owner = WatchLoginStore(pool: world.filing.owner)
            #expect(try await world.logins.credential(ofAdmin: "root") == nil)
            #expect(try await owner.setAdmin("root", verifier: Secret("one")))
            #expect(try await world.logins.credential(ofAdmin: "ROOT")?.verifier.reveal() == "one")
            let mark = try await world.logins.standing(of: .admin("root"))
            #expect(mark?.count == 16)
            #expect(try await !owner.setAdmin("root", verifier: Secret("two")))
            #expect(try await world.logins.standing(of: .admin("root")) != mark)
            #expect(try await owner.admins().map(\.name) == ["root"])
            #expect(try await owner.deleteAdmin("root"))
            #expect(try await world.logins.standing(of: .admin("root")) == nil)
            #expect(try await !owner.deleteAdmin("root"))
            #expect(WatchLoginStore.isName("a.b-c_1") && !WatchLoginStore.isName("a@b") && !WatchLoginStore.isName(""))
        }
    }

    @Test func `a revoked token stays so; a disabled account has no standing`() async throws {
        try await with { world in
            let token = UUIDv7.next(at: .now())
            #expect(try await !world.logins.isRevoked(token))
            for _ in 0..<2 {
                try await world.logins.revoke(token, expiresAt: Timestamp(seconds: Timestamp.now().seconds + 60))
            }
            #expect(try await world.logins.isRevoked(token))
            let alice = try await world.filing.account("alice")
            #expect(try await world.logins.standing(of: .account(alice)) != nil)
            try await world.filing.sql("UPDATE account SET disabled_at = now()")
            #expect(try await world.logins.standing(of: .account(alice)) == nil)
        }
    }

    @Test func `whoever is no admin gets in with no password`() async throws {
        try await with { world in
            let store = world.logins
            let verifier = ScramVerifier.make(password: "right")
            _ = try await WatchLoginStore(pool: world.filing.owner).setAdmin("root", verifier: Secret(verifier))
            let authenticator = Authenticator(failuresPerMinute: 0) { try await store.credential(ofAdmin: $0) }
            func logIn(_ name: String, _ password: String) async throws -> Bool {
                let credentials = try #require(Credentials(identity: name.utf8, password: password.utf8))
                if case .accepted = await authenticator.authenticate(credentials, from: "x") { return true }
                return false
            }
            #expect(try await logIn("root", "right"))
            #expect(try await !logIn("root", "wrong"))
            #expect(try await !logIn("nobody", "right"))
        }
    }
}
