import MailCore
import PostgreSQL
import Storage
import Testing

@Suite(.enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct MailboxStoreTests {
    private static let all = UIDRuns(1...UInt32.max)
    private static let releases = PreparedStatement("test_releases", "SELECT count(*) FROM body_release")

    @Test func `APPEND gives rising UIDs, keeps the counts, and its delta is the change`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            let before = try #require(try await fixture.mailboxes.snapshot(inbox.key))
            let first = try await fixture.append(to: inbox, flags: NamedFlags(system: .seen, keywords: ["$Forwarded"]))
            let second = try await fixture.append(to: inbox, flags: NamedFlags(system: .deleted))
            #expect(first.changed.map(\.uid) == [1] && second.changed.map(\.uid) == [2])
            #expect(first.before == before.record.modseq && second.before == first.after)
            #expect(try await fixture.countsAgree(inbox))
            let after = try await fixture.mailbox()
            #expect(after.modseq == second.after && after.uidNext == second.uidNext)
            #expect(after.keywords.names(in: first.changed[0].flags) == ["$Forwarded"])
        }
    }

    @Test func `bytes come back as they were, in pieces too`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            var upload = try await fixture.appends.upload()
            let bytes = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            try await upload.append(bytes)
            let body = try await upload.finish()
            _ = try await fixture.appends.append(fixture.message(body), to: fixture.account, name: inbox.name)
            let rows = try await fixture.messages.rows(inbox.key, Self.all, [.place, .summary, .wholeBody]).rows
            let row = try #require(rows.first)
            #expect(row.size == bytes.count && row.summary == [1, 2, 3] && row.wholeBody == nil)
            let id = try #require(row.body)
            let slices = [(0, 10, 20), (0, 262_140, 4), (1, 0, 262_144), (2, 75_000, 712), (9, 0, 1)].map {
                MessageStore.Slice(body: id, chunk: $0.0, offset: $0.1, length: $0.2)
            }
            let pieces = try await fixture.messages.read(slices)
            #expect(pieces[0] == Array(bytes[10..<30]))
            #expect(pieces[1] == Array(bytes[262_140..<262_144]))
            #expect(pieces[2] == Array(bytes[262_144..<524_288]))
            #expect(pieces[3] == Array(bytes[599_288..<600_000]))
            #expect(pieces[4] == nil)
        }
    }

    @Test func `a large summary is read alone`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            for size in [10, 3_000_000, 2_000_000, 10, 5_000_000, 10, 8192] {
                var message = fixture.message(.inline([65]))
                message.summary = [UInt8](repeating: 7, count: size)
                _ = try await fixture.appends.append(message, to: fixture.account, name: inbox.name)
            }
            var rest = UIDRuns([1...4, 5...9])
            var parts: [[UInt32]] = []
            while !rest.isEmpty {
                let part = try await fixture.messages.rows(inbox.key, rest, .summary)
                parts.append(part.rows.map(\.uid))
                rest = part.rest
            }
            #expect(parts == [[1], [2], [3], [4], [5], [6, 7]])
            let light = try await fixture.messages.rows(inbox.key, Self.all, .place)
            #expect(light.rows.count == 7 && light.rest.isEmpty)
        }
    }

    @Test func `an upload whose body was reaped is refused and leaves nothing`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            var upload = try await fixture.appends.upload()
            try await upload.append([UInt8](repeating: 65, count: 300_000))
            let body = try await upload.finish()
            try await fixture.owner.withConnection { try $0.script("DELETE FROM body_chunk; DELETE FROM body") }
            await #expect(throws: BodyUpload.Gone.self) {
                _ = try await fixture.appends.append(fixture.message(body), to: fixture.account, name: inbox.name)
            }
            #expect(try await fixture.mailbox().messages == 0)
            #expect(try await fixture.countsAgree(inbox))
        }
    }

    @Test func `flags change as a set, and only what differs gets a new modseq`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            for _ in 0..<5 { try await fixture.append(to: inbox) }
            let runs = UIDRuns([1...2, 4...4])
            let seen = try await fixture.mailboxes.changeFlags(inbox.key, runs, .add(NamedFlags(system: .seen)))
            #expect(seen.changed.map(\.uid) == [1, 2, 4] && seen.after == seen.before + 1)
            let again = try await fixture.mailboxes.changeFlags(inbox.key, runs, .add(NamedFlags(system: .seen)))
            #expect(again.isEmpty && again.before == seen.after)
            let replaced = try await fixture.mailboxes.changeFlags(
                inbox.key, Self.all, .replace(NamedFlags(system: [.deleted], keywords: ["a", "B"])))
            #expect(replaced.changed.count == 5)
            #expect(replaced.keywords.names(in: replaced.changed[0].flags) == ["a", "B"])
            let removed = try await fixture.mailboxes.changeFlags(
                inbox.key, UIDRuns(3...3), .remove(NamedFlags(system: .deleted, keywords: ["A", "unknown"])))
            #expect(removed.keywords.names(in: removed.changed[0].flags) == ["B"])
            #expect(try await fixture.countsAgree(inbox))
            #expect(try await fixture.mailbox().keywords.names == ["a", "B"])
        }
    }

    @Test func `a message becomes seen as it is read, alone or with those behind it`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            for text in ["\r\none", "\r\ntwo", "\r\nthree"] { try await fixture.append(text, to: inbox) }
            try await fixture.owner.withConnection {
                try $0.script(
                    """
                    UPDATE mail SET summary = convert_to(repeat('x', 9000), 'UTF8')
                    WHERE mail_id = (SELECT mail_id FROM mailbox_message WHERE uid = 3)
                    """)
            }
            let columns: MessageStore.Columns = [.place, .summary, .wholeBody]
            let (first, both, _) = try await fixture.messages.rowsMarkingFirstSeen(inbox.key, UIDRuns(1...3), columns)
            #expect(first.changed == [.init(uid: 1, flags: .seen)] && both.map(\.uid) == [1, 2])
            #expect(both.map(\.wholeBody) == [Array("\r\none".utf8), Array("\r\ntwo".utf8)])
            let (again, _, _) = try await fixture.messages.rowsMarkingFirstSeen(inbox.key, UIDRuns(1...1), columns)
            #expect(again.isEmpty && again.before == first.after)
            let (third, nothing, rest) = try await fixture.messages.rowsMarkingFirstSeen(
                inbox.key, UIDRuns(3...3), columns)
            #expect(third.changed.map(\.uid) == [3] && nothing.isEmpty && rest == UIDRuns(3...3))
            let alone = try await fixture.messages.rows(inbox.key, rest, columns).rows
            #expect(alone.map(\.summary.count) == [9000])
            let (none, gone, _) = try await fixture.messages.rowsMarkingFirstSeen(inbox.key, UIDRuns(9...9), columns)
            #expect(none.isEmpty && gone.isEmpty)
            #expect(try await fixture.countsAgree(inbox))
        }
    }

    @Test func `what a session has seen of the mailbox that it selects again is recent no more`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            func select(seen: Int64?, claiming: Bool) async throws -> [Int64?] {
                let found = try await fixture.mailboxes.select(
                    fixture.account, name: "INBOX", leaving: seen.map { (inbox.key, $0) }, claiming: claiming)
                return [found?.recentAbove, found?.claimed]
            }
            for _ in 0..<2 { try await fixture.append(to: inbox) }
            #expect(try await select(seen: nil, claiming: false) == [0, 0])
            #expect(try await select(seen: nil, claiming: true) == [0, 2])
            for _ in 0..<3 { try await fixture.append(to: inbox) }
            #expect(try await select(seen: 3, claiming: false) == [3, 3])
            #expect(try await select(seen: 4, claiming: true) == [4, 5])
            #expect(try await fixture.mailbox().recentUID == 5)
            // A mailbox of this name, but not the one that was left.
            let left = MailboxKey(account: fixture.account, mailbox: MailboxID(inbox.key.mailbox.value + 1))
            let other = try await fixture.mailboxes.select(
                fixture.account, name: "INBOX", leaving: (left, 9), claiming: true)
            #expect(other?.recentAbove == 5 && other?.claimed == 5)
        }
    }

    @Test func `the keyword table stops at its limit`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            try await fixture.append(to: inbox)
            let names = (0..<60).map { "k\($0)" }
            let delta = try await fixture.mailboxes.changeFlags(inbox.key, Self.all, .add(NamedFlags(keywords: names)))
            #expect(delta.keywords.names == Array(names.prefix(55)))
            #expect(delta.changed[0].flags.rawValue > 0)
            #expect(delta.keywords.names(in: delta.changed[0].flags).count == 55)
        }
    }

    @Test func `EXPUNGE removes what is flagged, notes it and releases the body`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            for _ in 0..<4 { try await fixture.append(to: inbox) }
            let base = try await fixture.mailbox().modseq
            _ = try await fixture.mailboxes.changeFlags(inbox.key, UIDRuns(1...3), .add(NamedFlags(system: .deleted)))
            let delta = try await fixture.mailboxes.expunge(inbox.key, UIDRuns([2...2, 4...4]))
            #expect(delta.expunged == [2])
            #expect(try await fixture.countsAgree(inbox))
            #expect(try await fixture.number(Self.releases) == 1)
            let refresh = try #require(try await fixture.mailboxes.changes(inbox.key, since: base))
            #expect(refresh.delta.changed.map(\.uid) == [1, 3] && refresh.delta.expunged == [2])
            #expect(refresh.delta.after == delta.after)
        }
    }

    @Test func `COPY shares the body, carries keywords by name and keeps the order`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            let archive = try await fixture.mailbox("Archive")
            try await fixture.append(to: archive, flags: NamedFlags(keywords: ["other"]))
            for index in 0..<3 {
                try await fixture.append(
                    "Subject: \(index)\r\n\r\n", to: inbox, flags: NamedFlags(system: .seen, keywords: ["mine"]))
            }
            let outcome = try await fixture.mailboxes.copy(
                from: inbox.key, UIDRuns([1...1, 3...9]), keywords: ["mine"], to: archive)
            #expect(outcome.sourceUIDs == [1, 3] && outcome.firstTargetUID == 2 && outcome.deltas.count == 1)
            #expect(outcome.targetUIDValidity == archive.uidValidity)
            let copies = outcome.deltas[0]
            #expect(copies.keywords.names == ["other", "mine"])
            #expect(copies.keywords.names(in: copies.changed[1].flags) == ["mine"])
            #expect(try await fixture.countsAgree(inbox))
            #expect(try await fixture.countsAgree(archive))
            let bodies = try await fixture.messages.rows(archive.key, UIDRuns(3...3), .wholeBody).rows
            #expect(bodies.first?.wholeBody == Array("Subject: 2\r\n\r\n".utf8))
        }
    }

    @Test func `COPY fails as a whole when a body is gone`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            let archive = try await fixture.mailbox("Archive")
            for _ in 0..<2 { try await fixture.append(to: inbox) }
            try await fixture.owner.withConnection {
                try $0.script("DELETE FROM body WHERE body_id = (SELECT body_id FROM mailbox_message WHERE uid = 2)")
            }
            await #expect(throws: MailboxError.messageGone) {
                _ = try await fixture.mailboxes.copy(from: inbox.key, Self.all, keywords: [], to: archive)
            }
            #expect(try await fixture.mailbox("Archive").messages == 0)
        }
    }

    @Test func `MOVE takes the messages away in the same transaction and releases nothing`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            let junk = try await fixture.mailbox("Junk")
            for _ in 0..<4 { try await fixture.append(to: inbox, flags: NamedFlags(system: .flagged)) }
            let outcome = try await fixture.mailboxes.move(from: inbox.key, UIDRuns(2...3), keywords: [], to: junk)
            #expect(outcome.sourceUIDs == [2, 3] && outcome.firstTargetUID == 1)
            #expect(outcome.deltas[0].expunged == [2, 3] && outcome.deltas[1].changed.map(\.uid) == [1, 2])
            #expect(try await fixture.countsAgree(inbox))
            #expect(try await fixture.countsAgree(junk))
            #expect(try await fixture.number(Self.releases) == 0)
            // Into itself: new UIDs, the same messages.
            let renumbered = try await fixture.mailboxes.move(from: inbox.key, UIDRuns(1...1), keywords: [], to: inbox)
            #expect(renumbered.deltas[0].expunged == [1] && renumbered.deltas[0].changed.map(\.uid) == [5])
            #expect(try await fixture.countsAgree(inbox))
        }
    }

    @Test func `changes of many sessions at once keep counts, UIDs and modseqs right`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            let archive = try await fixture.mailbox("Archive")
            for _ in 0..<30 { try await fixture.append(to: inbox) }
            try await withThrowingTaskGroup { group in
                for worker in 0..<6 {
                    group.addTask {
                        for round in 0..<10 {
                            let uid = UInt32(1 + (worker * 7 + round * 3) % 30)
                            switch (worker + round) % 4 {
                            case 0:
                                _ = try await fixture.mailboxes.move(
                                    from: inbox.key, UIDRuns(uid...uid), keywords: [], to: archive)
                            case 1:
                                _ = try await fixture.mailboxes.move(
                                    from: archive.key, UIDRuns(1...uid), keywords: [], to: inbox)
                            case 2:
                                _ = try await fixture.mailboxes.copy(
                                    from: inbox.key, UIDRuns(uid...uid + 2), keywords: [], to: archive)
                            default:
                                _ = try await fixture.mailboxes.changeFlags(
                                    archive.key, Self.all, .add(NamedFlags(system: .deleted)))
                                _ = try await fixture.mailboxes.expunge(archive.key, UIDRuns(1...uid))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await fixture.countsAgree(inbox))
            #expect(try await fixture.countsAgree(archive))
        }
    }

    @Test func `a snapshot and the changes after it make the next snapshot`() async throws {
        try await MailboxFixture.with { fixture in
            let inbox = try await fixture.mailbox()
            for _ in 0..<3 { try await fixture.append(to: inbox) }
            let snapshot = try #require(try await fixture.mailboxes.snapshot(inbox.key))
            #expect(snapshot.uids == [1, 2, 3])
            let none = try #require(try await fixture.mailboxes.changes(inbox.key, since: snapshot.record.modseq))
            #expect(none.delta.isEmpty && none.delta.changed.isEmpty)
            let modseqs = try await fixture.mailboxes.modseqs([
                inbox.key, MailboxKey(account: fixture.account, mailbox: MailboxID(99_999)),
            ])
            #expect(modseqs == [inbox.key: snapshot.record.modseq])
        }
    }
}
