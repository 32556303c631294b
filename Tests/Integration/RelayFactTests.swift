import MailCore
import PostgreSQL
import SMTPRelay
import Storage
import Testing

/// What becomes of copies whose lease, storage or operator was away for a while.
@Suite(.serialized, .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct RelayFactTests {
    private static let answer = RelayAnswer(code: 250, status: "2.0.0", text: "Ok", host: "mx.remote.test", at: .now())
    private static let reporter = FailureReporter(host: "mail.example.test")

    private func lease(_ store: RelayStore, slots: Int = 1) async throws -> RelayLease {
        try #require(try await store.lease(holder: "test", limit: 1, slots: slots, for: .seconds(60)).first)
    }

    private func outcomes(_ mails: [RelayMail], _ lease: RelayLease, _ kind: RelayOutcome.Kind) -> [RelayOutcome] {
        mails.flatMap { mail in
            mail.copies.map {
                RelayOutcome(mail: mail.id, copy: $0, lease: lease, kind: kind, answer: Self.answer, prefix: nil)
            }
        }
    }

    private func record(_ store: RelayStore, _ outcomes: [RelayOutcome]) async throws -> RelayRecord {
        try await store.record(
            outcomes, news: [:], holds: [.seconds(300)], notify: Self.reporter.notification(of:))
    }

    /// A claimed mail whose lease has run out and was taken away.
    private func revoked(_ fixture: RelayFixture) async throws -> (RelayLease, [RelayMail]) {
        let store = fixture.store
        let mail = try await fixture.mail(to: ["u@remote.test"])
        _ = try await store.admit([mail], expiry: .seconds(3600))
        let lease = try await lease(store)
        let claim = try await store.claim(lease, limit: 10)
        try await fixture.sql("UPDATE relay_lease SET until = now()")
        #expect(try await store.revokeExpired(limit: 10) == 1)
        return (lease, claim.mails)
    }

    // MARK: - Facts

    @Test func `what was delivered or refused counts though the lease is gone, what was put off does not`()
        async throws
    {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            _ = try await fixture.account("alice")
            let (first, put) = try await revoked(fixture)
            #expect(try await record(store, outcomes(put, first, .deferred(again: .seconds(600)))).lost == 1)
            #expect(try await record(store, outcomes(put, first, .delivered)).delivered == 1)
            #expect(try await fixture.rest(of: put[0].id).events == ["relayed"])
            let (second, refused) = try await revoked(fixture)
            #expect(try await record(store, outcomes(refused, second, .failed)).notifications.count == 1)
            #expect(try await fixture.rest(of: refused[0].id).work == 0)
        }
    }

    @Test func `what was delivered counts though somebody else has the copy, who then ends nothing`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let (old, mails) = try await revoked(fixture)
            let new = try await lease(store)
            #expect(try await store.claim(new, limit: 10).mails.map(\.id) == mails.map(\.id))
            #expect(try await record(store, outcomes(mails, old, .delivered)).delivered == 1)
            let late = try await record(store, outcomes(mails, new, .failed))
            #expect(late.lost == 1 && late.notifications.isEmpty)
            #expect(
                try await fixture.rest(of: mails[0].id) == .init(work: 0, copies: 0, releases: 1, events: ["relayed"]))
        }
    }

    @Test func `of two outcomes of one copy the delivery counts, whichever comes first`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            for isFirst in [true, false] {
                let (old, mails) = try await revoked(fixture)
                let new = try await lease(store)
                _ = try await store.claim(new, limit: 10)
                let both = [outcomes(mails, old, .delivered), outcomes(mails, new, .failed)]
                let result = try await record(store, Array((isFirst ? both : both.reversed()).joined()))
                #expect(result.delivered == 1 && result.failed == 0 && result.lost == 1)
                #expect(try await fixture.rest(of: mails[0].id).events == ["relayed"])
                try await store.release(new)
            }
        }
    }

    // MARK: - Late work

    @Test func `a parked copy that is retried after its time gets one more attempt and its end`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            _ = try await fixture.account("alice")
            let mail = try await fixture.mail(to: ["u@remote.test"])
            _ = try await store.admit([mail], expiry: .seconds(3600))
            try await fixture.sql("UPDATE relay_copy SET starts = 5")
            let first = try await lease(store)
            #expect(try await store.claim(first, limit: 10).parked == [mail])
            try await store.release(first)
            try await fixture.sql(
                "UPDATE relay_copy SET expires_at = now() - interval '1 day', due_at = now() - interval '1 day'")
            try await fixture.sql("UPDATE relay_destination SET held_until = now() + interval '10 min', failures = 3")
            #expect(try await WorkStore(pool: fixture.owner).reissue([mail]) == 1)
            // The sweeper gives the hint, and puts off the next one, before it is read.
            try await fixture.sql("UPDATE work SET next_hint_at = now() + interval '20 s'")
            #expect(try await store.admit([mail], expiry: .seconds(3600)) == 1)
            let second = try await lease(store)
            let claim = try await store.claim(second, limit: 10)
            #expect(claim.mails.map(\.id) == [mail] && !claim.isHeld)
            let end = try await record(store, outcomes(claim.mails, second, .deferred(again: .seconds(600))))
            #expect(end.failed == 1 && end.notifications.count == 1)
            #expect(try await fixture.rest(of: mail).work == 0)
        }
    }

    @Test func `the alarm of a copy that nobody ended makes its domain looked at`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let mail = try await fixture.mail(to: ["u@remote.test"])
            _ = try await store.admit([mail], expiry: .seconds(3600))
            try await fixture.sql(
                "UPDATE relay_copy SET expires_at = now() - interval '1 hour', due_at = now() - interval '1 hour'")
            try await fixture.sql("UPDATE relay_destination SET next_at = NULL")
            #expect(try await store.outlook().untilDue == nil)
            #expect(try await store.admit([mail], expiry: .seconds(3600)) == 0, "it is known")
            #expect(try await store.claim(try await lease(store), limit: 10).mails.map(\.id) == [mail])
        }
    }

    @Test func `hints of an admitted mail that come again and again are no tries of it`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let work = WorkStore(pool: fixture.relayd)
            let mail = try await fixture.mail(to: ["u@remote.test", "v@remote.test"])
            _ = try await store.admit([mail], expiry: .seconds(3600))
            for _ in 0..<7 {
                #expect(try await work.beginAttempt(mail, [.relay]) == .begun(1))
                #expect(try await store.admit([mail], expiry: .seconds(3600)) == 0)
            }
        }
    }

    // MARK: - Looks

    @Test func `a domain without a free slot is not due, and a running lease is neither awaited nor taken away`()
        async throws
    {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let mails = try await [fixture.mail(to: ["u@remote.test"]), fixture.mail(to: ["u@remote.test"])]
            _ = try await store.admit(mails, expiry: .seconds(3600))
            let lease = try await lease(store)
            #expect(try await store.claim(lease, limit: 1).mails.count == 1)
            #expect(try #require(try await store.outlook(slots: 2).untilDue) <= .zero)
            #expect(try await store.outlook(slots: 1).untilDue == nil)
            try await fixture.sql("UPDATE relay_lease SET until = now()")
            #expect(try await store.outlook(except: [lease.fence]).untilLeaseEnds == nil)
            #expect(try await store.revokeExpired(limit: 10, except: [lease.fence]) == 0)
            #expect(try await store.outlook().untilLeaseEnds != nil)
            #expect(try await store.revokeExpired(limit: 10) == 1)
        }
    }

    // MARK: - The recorder's end

    @Test func `a cancelled recorder waits for the runs that are left, and then says no`() async throws {
        try await RelayFixture.with { fixture in
            let store = fixture.store
            let mail = try await fixture.mail(to: ["u@remote.test"])
            _ = try await store.admit([mail], expiry: .seconds(3600))
            let lease = try await lease(store)
            let claim = try await store.claim(lease, limit: 10)
            let recorder = RelayRecorder(
                store: store, holds: { [.seconds(300)] }, logger: TestDatabase.logger,
                notify: Self.reporter.notification(of:)
            ) { _ in }
            recorder.runBegins()
            let service = Task { try await recorder.run() }
            #expect(await recorder.record([], domain: lease.domain, news: .reached))
            service.cancel()
            let delivered = outcomes(claim.mails, lease, .delivered)
            #expect(await recorder.record(delivered, domain: lease.domain, news: nil))
            #expect(try await fixture.rest(of: mail).events == ["relayed"])
            recorder.runEnded()
            try await service.value
            #expect(await !recorder.record(delivered, domain: lease.domain, news: nil))
        }
    }
}
