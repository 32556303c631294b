import MailCore
import PostgreSQL
import SMTPRelay
import Storage
import Testing

@Suite(.serialized, .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct RelayStoreTests {
    private static let answer = RelayAnswer(code: 250, status: "2.0.0", text: "Ok", host: "mx.remote.test", at: .now())
    private static let refusal = RelayAnswer(
        code: 550, status: "5.1.1", text: "No such user", host: "mx.remote.test", at: .now())
    private static let reporter = FailureReporter(host: "mail.example.test")

    private func lease(
        _ store: RelayStore, slots: Int = 2, limit: Int = 10, for duration: Duration = .seconds(60)
    ) async throws -> [RelayLease] {
        try await store.lease(holder: "test", limit: limit, slots: slots, for: duration)
    }

    private func end(
        _ store: RelayStore, _ lease: RelayLease, _ mails: [RelayMail], _ kind: RelayOutcome.Kind,
        _ answer: RelayAnswer = Self.answer, news: DestinationNews? = nil
    ) async throws -> RelayRecord {
        let outcomes = mails.flatMap { mail in
            mail.copies.map {
                RelayOutcome(mail: mail.id, copy: $0, lease: lease, kind: kind, answer: answer, prefix: [0x41])
            }
        }
        return try await store.record(
            outcomes, news: news.map { [lease.domain: $0] } ?? [:], holds: [.seconds(300), .seconds(900)],
            notify: Self.reporter.notification(of:))
    }

    @Test func `copies are claimed by domain and mail, and a delivered one leaves nothing behind`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let first = try await fixture.mail(to: ["a@remote.test", "b@Remote.Test", "c@other.test"])
            let second = try await fixture.mail(to: ["a@remote.test"])
            #expect(try await store.admit([first, second], expiry: .seconds(3600)) == 4)
            #expect(try await store.admit([first, second], expiry: .seconds(3600)) == 0, "a doubled hint")
            let leases = try await lease(store).sorted { $0.domain < $1.domain }
            #expect(leases.map(\.domain) == ["other.test", "remote.test"])
            #expect(try await lease(store).isEmpty, "taken, and not yet claimed")
            let claim = try await store.claim(leases[1], limit: 10)
            #expect(claim.mails.map(\.id) == [first, second])
            #expect(
                claim.mails.map { $0.copies.map(\.address) } == [
                    ["a@remote.test", "b@Remote.Test"], ["a@remote.test"],
                ])
            let record = try await end(store, leases[1], claim.mails, .delivered)
            #expect(record.delivered == 3 && record.lost == 0)
            #expect(try await fixture.rest(of: second) == .init(work: 0, copies: 0, releases: 1, events: ["relayed"]))
            #expect(try await fixture.rest(of: first).work == 1)
            #expect(try await store.claim(leases[1], limit: 10).mails.isEmpty)
            #expect(try await store.claim(leases[1], limit: 10).isLeaseLost, "an empty claim gives the lease back")
        }
    }

    @Test func `a claim brings small bodies along, and ends with the mail that fills it`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let small = "Subject: 1\r\n\r\nBody\r\n"
            let large = "Subject: 2\r\n\r\n" + String(repeating: "0123456789\r\n", count: 30_000)
            let mails = try await [
                fixture.mail(to: ["a@remote.test", "b@remote.test"], body: small),
                fixture.mail(to: ["a@remote.test"], body: large), fixture.mail(to: ["a@remote.test"], body: small),
            ]
            for mail in mails { _ = try await store.admit([mail], expiry: .seconds(3600)) }
            let lease = try #require(try await lease(store).first)
            let claim = try await store.claim(lease, limit: 10, bytes: 100_000)
            #expect(claim.mails.map(\.id) == Array(mails[..<2]) && claim.isFull)
            #expect(claim.mails[0].copies.count == 2)
            #expect(claim.mails.map(\.whole) == [Array(small.utf8), nil])
            let rest = try await store.claim(lease, limit: 10, bytes: 100_000)
            #expect(rest.mails.map(\.id) == [mails[2]] && !rest.isFull)
            #expect(rest.mails.first?.whole == Array(small.utf8))
        }
    }

    @Test func `slots limit the connections to a domain`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            var mails: [MailID] = []
            for _ in 0..<5 { mails.append(try await fixture.mail(to: ["u@remote.test"])) }
            _ = try await store.admit(mails, expiry: .seconds(3600))
            var leases: [RelayLease] = []
            for _ in 0..<4 {
                let more = try await lease(store, slots: 2)
                leases += more
                for lease in more { #expect(try await store.claim(lease, limit: 1).mails.count == 1) }
            }
            #expect(leases.count == 2)
            try await store.release(leases[0])
            #expect(try await lease(store, slots: 2).count == 1)
        }
    }

    @Test func `a lease that ran out is taken away, and what its holder reports late does not count`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let mail = try await fixture.mail(to: ["u@remote.test"])
            _ = try await store.admit([mail], expiry: .seconds(3600))
            let old = try #require(try await lease(store).first)
            let claim = try await store.claim(old, limit: 10)
            #expect(try await store.renew([old.fence], holder: "test", for: .seconds(60)) == [old.fence])
            #expect(try await store.renew([old.fence], holder: "other", for: .seconds(60)).isEmpty)
            #expect(try await store.revokeExpired(limit: 10) == 0)
            try await fixture.sql("UPDATE relay_lease SET until = now()")
            #expect(try await store.renew([old.fence], holder: "test", for: .seconds(60)).isEmpty)
            #expect(try await store.revokeExpired(limit: 10) == 1)
            let new = try #require(try await lease(store).first)
            let again = try await store.claim(new, limit: 10)
            #expect(again.mails.map(\.id) == [mail])
            let late = try await end(store, old, claim.mails, .failed, Self.refusal)
            #expect(late.lost == 1 && late.failed == 0 && late.notifications.isEmpty)
            #expect(try await end(store, new, again.mails, .delivered).delivered == 1)
            #expect(try await fixture.notifications().isEmpty)
        }
    }

    @Test func `five attempts that ended their process park a copy, and an operator can have it tried again`()
        async throws
    {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let mail = try await fixture.mail(to: ["u@remote.test"])
            let other = try await fixture.mail(to: ["v@remote.test"])
            _ = try await store.admit([mail], expiry: .seconds(3600))
            for attempt in 1...6 {
                let lease = try #require(try await lease(store).first)
                let claim = try await store.claim(lease, limit: 10)
                #expect(claim.mails.count == (attempt < 6 ? 1 : 0))
                #expect(claim.parked == (attempt < 6 ? [] : [mail]))
                try await fixture.sql("UPDATE relay_lease SET until = now()")
                _ = try await store.revokeExpired(limit: 10)
            }
            _ = try await store.admit([mail, other], expiry: .seconds(3600))
            let lease = try #require(try await lease(store).first)
            #expect(try await store.claim(lease, limit: 10).mails.map(\.id) == [other], "parked ones block nobody")
            let work = WorkStore(pool: fixture.owner)
            #expect(try await work.parked(limit: 10).map(\.mail) == [mail])
            #expect(try await work.reissue([mail]) == 1)
            #expect(try await store.admit([mail], expiry: .seconds(3600)) == 1)
            #expect(try await store.claim(lease, limit: 10).mails.map(\.id) == [mail])
        }
    }

    @Test func `a lease given back does not count as an attempt`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let mail = try await fixture.mail(to: ["u@remote.test"])
            _ = try await store.admit([mail], expiry: .seconds(3600))
            for _ in 0..<8 {
                let lease = try #require(try await lease(store).first)
                #expect(try await store.claim(lease, limit: 10).mails.count == 1)
                try await store.release(lease)
            }
        }
    }

    @Test func `a deferred copy waits, keeps its prefix, and fails when its time is over`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let alice = try await fixture.account("alice")
            let mail = try await fixture.mail(to: ["u@remote.test"])
            _ = try await store.admit([mail], expiry: .seconds(3600))
            let lease = try #require(try await lease(store).first)
            let claim = try await store.claim(lease, limit: 10)
            let wait = RelayAnswer(code: 450, status: "4.2.1", text: "Later", host: "mx.remote.test", at: .now())
            #expect(try await end(store, lease, claim.mails, .deferred(again: .seconds(600)), wait).deferred == 1)
            #expect(try await store.claim(lease, limit: 10).mails.isEmpty)
            let until = try #require(try await store.outlook().untilDue)
            #expect(until > .seconds(590) && until <= .seconds(600))
            try await fixture.sql("UPDATE relay_copy SET due_at = now(), expires_at = now()")
            try await fixture.sql("UPDATE relay_destination SET next_at = now()")
            let second = try #require(try await self.lease(store).first)
            let again = try await store.claim(second, limit: 10)
            #expect(again.mails.first?.copies.first?.tries == 1 && again.mails.first?.copies.first?.prefix == [0x41])
            let over = try await end(store, second, again.mails, .deferred(again: .seconds(600)), wait)
            #expect(over.failed == 1 && over.deferred == 0 && over.notifications.count == 1)
            let report = try #require(try await fixture.notifications().first)
            #expect(report.to == "alice@example.test" && report.account == alice.value && report.sender.isEmpty)
            #expect(report.text.contains("\r\nStatus: 5.2.1\r\n") && report.text.contains("450 Later"))
            let events = try await fixture.rest(of: mail).events
            #expect(events.first == "deferred" && Set(events.dropFirst()) == ["notified", "undeliverable"])
        }
    }

    @Test func `a failure is told to its sender only, once, and never to the null sender`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            _ = try await fixture.account("alice")
            let known = try await fixture.mail(to: ["a@remote.test", "b@remote.test"])
            let null = try await fixture.mail(from: "", to: ["a@remote.test"])
            let gone = try await fixture.mail(from: "nobody@example.test", to: ["a@remote.test"])
            let foreign = try await fixture.mail(
                from: "x@elsewhere.test", to: ["a@remote.test", "b@remote.test"], via: "list@example.test")
            _ = try await store.admit([known, null, gone, foreign], expiry: .seconds(3600))
            let lease = try #require(try await lease(store).first)
            let claim = try await store.claim(lease, limit: 10)
            let record = try await end(store, lease, claim.mails, .failed, Self.refusal)
            #expect(record.failed == 6 && record.untold == 2 && record.notifications.count == 2)
            let reports = try await fixture.notifications()
            #expect(reports.map(\.to).sorted() == ["alice@example.test", "x@elsewhere.test"])
            #expect(
                reports.filter { $0.text.contains("a@remote.test") && $0.text.contains("b@remote.test") }.count == 1)
            // Not where the list forwards to.
            let stranger = try #require(reports.first { $0.account == nil }).text
            #expect(stranger.split(separator: "Final-Recipient: rfc822; list@example.test").count == 2)
            #expect(!stranger.contains("remote.test"))
            for mail in [known, null, gone, foreign] {
                let rest = try await fixture.rest(of: mail)
                #expect(rest.work == 0 && rest.copies == 0 && rest.releases == 1)
            }
            let again = try await end(store, lease, claim.mails, .failed, Self.refusal)
            #expect(again.lost == 6 && again.notifications.isEmpty)
        }
    }

    @Test func `who wrote to an address that forwards is told where it forwards to, if he is one of ours`() async throws
    {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            _ = try await fixture.account("alice")
            let mail = try await fixture.mail(to: ["a@remote.test"], via: "list@example.test", origin: .submission)
            _ = try await store.admit([mail], expiry: .seconds(3600))
            let lease = try #require(try await lease(store).first)
            _ = try await end(store, lease, store.claim(lease, limit: 10).mails, .failed, Self.refusal)
            let text = try #require(try await fixture.notifications().first).text
            #expect(text.contains("Final-Recipient: rfc822; a@remote.test"))
            #expect(text.contains("Original-Recipient: rfc822; list@example.test"))
        }
    }

    @Test func `the sender of forwarded junk is told nothing`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let labels = ["ham": 1, "spam": 0, "phish": 0]
            for (label, count) in labels {
                let mail = try await fixture.mail(
                    from: "x@elsewhere.test", to: ["a@remote.test"], via: "list@example.test")
                try await fixture.verdict(label, of: mail)
                _ = try await store.admit([mail], expiry: .seconds(3600))
                let lease = try #require(try await lease(store).first)
                let record = try await end(store, lease, store.claim(lease, limit: 10).mails, .failed, Self.refusal)
                #expect(record.failed == 1 && record.notifications.count == count && record.untold == 1 - count)
                #expect(try await fixture.rest(of: mail).work == 0)
                try await store.release(lease)
            }
        }
    }

    @Test func `an unreachable destination is held, its copies are not, and their time still ends`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            var mails: [MailID] = []
            for _ in 0..<20 { mails.append(try await fixture.mail(to: ["u@down.test"])) }
            _ = try await store.admit(mails, expiry: .seconds(3600))
            let lease = try #require(try await lease(store).first)
            let claim = try await store.claim(lease, limit: 10)
            let nothing = RelayAnswer(code: 0, status: "4.4.1", text: "No connection", host: "", at: .now())
            _ = try await end(
                store, lease, [claim.mails[0]], .deferred(again: .seconds(300)), nothing,
                news: .unreachable("No connection"))
            try await store.release(lease)
            #expect(try await self.lease(store).isEmpty)
            let until = try #require(try await store.outlook().untilDue)
            #expect(until > .seconds(290) && until <= .seconds(300))
            // A new mail waits as well, and the time of three is over.
            let fresh = try await fixture.mail(to: ["u@down.test"])
            _ = try await store.admit([fresh], expiry: .seconds(3600))
            #expect(try await self.lease(store).isEmpty)
            try await fixture.sql(
                "UPDATE relay_copy SET expires_at = now(), due_at = now() WHERE mail_id IN (SELECT mail_id FROM relay_copy ORDER BY mail_id DESC LIMIT 3)"
            )
            try await fixture.sql("UPDATE relay_destination SET next_at = now()")
            let second = try #require(try await self.lease(store).first)
            let overdue = try await store.claim(second, limit: 10)
            #expect(overdue.isHeld && overdue.mails.count == 3 && overdue.lastReply == "No connection")
            #expect(try await end(store, second, overdue.mails, .deferred(again: .seconds(300)), nothing).failed == 3)
            // It is back.
            try await fixture.sql("UPDATE relay_destination SET held_until = now(), next_at = now()")
            let third = try await store.claim(second, limit: 100)
            #expect(!third.isHeld && third.mails.count == 17)
            _ = try await end(store, second, third.mails, .delivered, news: .reached)
        }
    }

    @Test func `classification and failing open make relay work for foreign recipients`() async throws {
        try await RelayFixture.with { fixture in
            let alice = try await fixture.account("alice")
            let mails = try await [fixture.mail(to: ["u@remote.test"]), fixture.mail(to: ["u@remote.test"])]
            try await fixture.sql("DELETE FROM work")
            try await fixture.sql(
                "INSERT INTO recipient (mail_id, recipient, address, account_id) SELECT mail_id, 2, 'alice@example.test', \(alice.value) FROM mail"
            )
            try await fixture.sql(
                "INSERT INTO work (mail_id, recipient, stage, next_hint_at) SELECT mail_id, 0, 1, now() FROM mail")
            let verdict = Verdict(label: .ham, probability: 0.1, reasons: [], modelVersion: 1)
            let finished = try await ClassifyStore(pool: fixture.owner).finish([(mails[0], verdict)])
            #expect(finished == [mails[0]: [.file, .relay]])
            let open = try await WorkStore(pool: fixture.relayd).failOpen(olderThan: .zero, limit: 10)
            #expect(open?.map(\.mail) == [mails[1]] && open?.first?.hasForeignCopies == true)
            #expect(try await fixture.store.admit(mails, expiry: .seconds(3600)) == 2)
            for mail in mails { #expect(try await fixture.rest(of: mail).copies == 1) }
        }
    }
}
