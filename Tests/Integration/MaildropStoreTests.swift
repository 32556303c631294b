import MailCore
import PostgreSQL
import Storage
import Testing

@Suite(.enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason))) struct MaildropStoreTests {
    /// A maildrop of three messages with the UIDs 1, 2 and 3.
    private func withMaildrop(
        lease: Duration = .seconds(30), _ body: (MailboxFixture, MaildropStore, MailboxRecord) async throws -> Void
    ) async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            for _ in 1...3 { _ = try await fixture.append(to: inbox) }
            try await body(fixture, MaildropStore(pool: fixture.accessd, leaseLength: lease), inbox)
        }
    }

    private func opened(
        _ store: MaildropStore, _ fixture: MailboxFixture
    ) async throws -> (snapshot: MaildropSnapshot, lease: MaildropLease) {
        let opening = try await store.open(fixture.account, holder: "test")
        guard case .opened(let snapshot, let lease) = opening else { throw Unexpected(opening: opening) }
        return (snapshot, lease)
    }

    private struct Unexpected: Error { let opening: MaildropStore.Opening }

    private func uids(_ fixture: MailboxFixture, _ inbox: MailboxRecord) async throws -> [UInt32] {
        try await fixture.mailboxes.snapshot(inbox.key)?.uids ?? []
    }

    @Test func `one session at a time, and the snapshot is the Inbox`() async throws {
        try await withMaildrop { fixture, store, inbox in
            let (snapshot, lease) = try await opened(store, fixture)
            #expect(snapshot.key == inbox.key && snapshot.uidValidity == inbox.uidValidity)
            #expect(snapshot.messages.map(\.uid) == [1, 2, 3])
            let sizes = try await fixture.messages.rows(inbox.key, UIDRuns(1...3), []).rows.map(\.size)
            #expect(snapshot.messages.map(\.size) == sizes)
            #expect(try await store.open(fixture.account, holder: "other") == .inUse)
            try await store.giveBack(lease)
            let again = try await opened(store, fixture)
            #expect(again.snapshot == snapshot && again.lease != lease)
        }
    }

    @Test func `QUIT removes what is marked, tells of it, and gives the lease back`() async throws {
        try await withMaildrop { fixture, store, inbox in
            let (snapshot, lease) = try await opened(store, fixture)
            let removal = try await store.remove(UIDRuns([1...1, 3...3]), from: snapshot.key, under: lease)
            guard case .removed(let delta?) = removal else { throw Unexpected(opening: .inUse) }
            #expect(delta.expunged == [1, 3])
            #expect(try await uids(fixture, inbox) == [2])
            #expect(try await fixture.countsAgree(inbox))
            let after = try await opened(store, fixture)
            #expect(after.snapshot.messages.map(\.uid) == [2])
        }
    }

    @Test func `many are removed in several transactions, and the lease goes with the last`() async throws {
        try await withMaildrop { fixture, _, inbox in
            let store = MaildropStore(pool: fixture.accessd, removedAtOnce: 2)
            let (snapshot, lease) = try await opened(store, fixture)
            guard case .partly(let first) = try await store.remove(UIDRuns(1...3), from: snapshot.key, under: lease)
            else { throw Unexpected(opening: .inUse) }
            #expect(first.expunged.count == 2)
            #expect(try await uids(fixture, inbox).count == 1)
            #expect(try await fixture.countsAgree(inbox))
            #expect(try await store.open(fixture.account, holder: "other") == .inUse)
            guard
                case .removed(let second?) = try await store.remove(UIDRuns(1...3), from: snapshot.key, under: lease)
            else { throw Unexpected(opening: .inUse) }
            #expect(second.after > first.after && Set(first.expunged + second.expunged) == [1, 2, 3])
            #expect(try await opened(store, fixture).snapshot.messages.isEmpty)
        }
    }

    @Test func `after another session had the maildrop nothing is removed`() async throws {
        try await withMaildrop(lease: .zero) { fixture, store, inbox in
            let (snapshot, lost) = try await opened(store, fixture)
            let (_, lease) = try await opened(store, fixture)
            #expect(try await store.remove(UIDRuns(1...3), from: snapshot.key, under: lost) == .leaseLost)
            #expect(try await uids(fixture, inbox) == [1, 2, 3])
            // Giving the lost one back takes nothing from who has it now.
            try await store.giveBack(lost)
            guard case .removed = try await store.remove(UIDRuns(2...2), from: snapshot.key, under: lease) else {
                throw Unexpected(opening: .inUse)
            }
            #expect(try await uids(fixture, inbox) == [1, 3])
        }
    }

    @Test func `a lease that ran out and that nobody took is as good as before`() async throws {
        try await withMaildrop(lease: .zero) { fixture, store, inbox in
            let (snapshot, lease) = try await opened(store, fixture)
            guard case .removed = try await store.remove(UIDRuns(1...3), from: snapshot.key, under: lease) else {
                throw Unexpected(opening: .inUse)
            }
            #expect(try await uids(fixture, inbox).isEmpty)
        }
    }

    @Test func `renewing keeps ours and never takes another's`() async throws {
        try await withMaildrop(lease: .zero) { fixture, store, _ in
            let (_, lost) = try await opened(store, fixture)
            let (_, ours) = try await opened(store, fixture)
            let lasting = MaildropStore(pool: fixture.accessd, leaseLength: .seconds(60))
            try await lasting.renew([lost])
            #expect(try await store.open(fixture.account, holder: "third") != .inUse)
            let (snapshot, held) = try await opened(store, fixture)
            try await lasting.renew([held, ours])
            #expect(try await store.open(fixture.account, holder: "fourth") == .inUse)
            #expect(try await store.remove(UIDRuns(1...1), from: snapshot.key, under: ours) == .leaseLost)
        }
    }

    @Test func `messages that IMAP expunged meanwhile are no fault, nor is a mailbox that is gone`() async throws {
        try await withMaildrop { fixture, store, inbox in
            let (snapshot, lease) = try await opened(store, fixture)
            try await fixture.owner.withConnection { try $0.script("DELETE FROM mailbox_message WHERE uid = 2") }
            guard case .removed(let delta?) = try await store.remove(UIDRuns(1...2), from: snapshot.key, under: lease)
            else { throw Unexpected(opening: .inUse) }
            #expect(delta.expunged == [1])
            let again = try await opened(store, fixture)
            try await fixture.owner.withConnection { try $0.script("DELETE FROM mailbox") }
            #expect(try await store.remove(UIDRuns(3...3), from: inbox.key, under: again.lease) == .removed(nil))
            #expect(try await store.open(fixture.account, holder: "test") == .noInbox)
            #expect(try await store.open(fixture.account, holder: "test") == .noInbox)
        }
    }

    @Test func `who opens while another one's QUIT is under way sees what is left, or nothing`() async throws {
        try await withMaildrop { fixture, store, _ in
            for _ in 1...3 {
                let (snapshot, lease) = try await opened(store, fixture)
                guard let first = snapshot.messages.first?.uid else { break }
                async let quit = store.remove(UIDRuns(first...first), from: snapshot.key, under: lease)
                var next = try await store.open(fixture.account, holder: "next")
                if next == .inUse {
                    _ = try await quit
                    next = try await store.open(fixture.account, holder: "next")
                }
                guard case .opened(let seen, let held) = next else { throw Unexpected(opening: next) }
                #expect(seen.messages.count == snapshot.messages.count - 1)
                _ = try await quit
                try await store.giveBack(held)
            }
        }
    }
}
