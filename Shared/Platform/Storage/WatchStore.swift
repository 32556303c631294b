package import MailCore
import MessageGrammar
package import PostgreSQL

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the live page reads of the mails. Every statement is bounded, looks rows up by key, and knows who asks.
package struct WatchStore: Sendable {
    /// Mails of one page.
    package static let maximumMails = 200
    package static let maximumRecipients = 10
    package static let maximumEvents = 20
    /// Pieces of unfinished work looked at for an account, newest mails first.
    package static let maximumWork = 2000

    let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    // MARK: - Which mails

    /// The newest mails, newest first.
    ///
    /// For an account: what is in its mailboxes, what is on its way to them, and what it submitted.
    package func newest(_ scope: WatchScope, before: MailID? = nil, limit: Int) async throws -> [MailID] {
        let limit = Int32(min(max(limit, 1), Self.maximumMails + 1))
        let last = before?.uuid ?? UUIDv7(high: .max, low: .max)
        return try await pool.withConnection { connection in
            let page: [PostgresValue] = [.uuid(high: last.high, low: last.low), .int4(limit)]
            guard case .account(let account) = scope else {
                return try connection.execute(Self.newestOfAll, page).map { try $0.mailID(0) }
            }
            let own = page + [.int8(account.value)]
            if before == nil {
                let rows = try connection.execute(Self.newestOfAccount, own + [.int8(Self.usualWindow)])
                if rows.count == Int(limit) { return try rows.map { try $0.mailID(0) } }
            }
            return try connection.execute(Self.newestOfAccount, own + [.int8(Int64(UInt32.max))]).map {
                try $0.mailID(0)
            }
        }
    }

    /// Of each mailbox's last UIDs; the rest is looked at when these are not enough, and for older pages.
    private static let usualWindow: Int64 = 1000

    /// How many events each of these mails has had: what tells a live view to look again.
    package func eventCounts(of mails: [MailID]) async throws -> [MailID: Int] {
        guard let oldest = mails.min() else { return [:] }
        // RFC 9562 5.7: an id begins with the milliseconds of its making; clocks of hosts may differ.
        let came = Int64(clamping: oldest.uuid.high >> 16) * 1000 - 3_600_000_000
        let key = [Self.ids(mails), .timestamptz(microseconds: came)]
        return try await pool.withConnection { connection in
            var counts: [MailID: Int] = [:]
            for row in try connection.execute(Self.countEvents, key) {
                counts[try row.mailID(0)] = Int(try row.int8(1))
            }
            return counts
        }
    }

    // MARK: - The mails

    /// In the order asked for; those that are gone are left out. Whether the scope may see a mail at all is not asked
    /// again: the ids are those that `newest`, `parked` or `visible` found for it.
    package func mails(_ mails: [MailID], _ scope: WatchScope) async throws -> [WatchedMail] {
        guard !mails.isEmpty else { return [] }
        let key = [Self.ids(Array(mails.prefix(Self.maximumMails))), scope.parameter]
        return try await pool.withConnection { connection in
            let statements = [Self.loadHeads, Self.loadRecipients, Self.loadVerdicts, Self.loadEvents, Self.loadWork]
            let answers = try connection.pipeline(
                statements.map { ($0.statement, $0.takesScope ? key : Array(key.prefix(1))) })
            guard answers.count == statements.count else { throw PostgresError(.decoding, "missing answers") }
            return try Self.assemble(mails, scope, answers)
        }
    }

    /// A mail if the viewer may see it, and which of its recipients are the viewer's (`nil`: all).
    package func visible(_ mail: MailID, _ scope: WatchScope) async throws -> (isVisible: Bool, recipients: Set<Int>?) {
        guard case .account(let account) = scope else { return (true, nil) }
        return try await pool.withConnection { connection in
            let key: [PostgresValue] = [.uuid(high: mail.uuid.high, low: mail.uuid.low), .int8(account.value)]
            guard let row = try connection.execute(Self.findVisible, key).first else { return (false, []) }
            if try row.bool(0) { return (true, nil) }
            let own = Set(try row.textArray(1).compactMap { Int($0) })
            return (try row.bool(2) || !own.isEmpty, own)
        }
    }

    static func ids(_ mails: [MailID]) -> PostgresValue {
        .uuidArray(mails.map { (high: $0.uuid.high, low: $0.uuid.low) })
    }
}

extension WatchScope {
    var parameter: PostgresValue {
        switch self {
        case .everything: .null(.int8)
        case .account(let account): .int8(account.value)
        }
    }
}

// MARK: - Assembling

extension WatchStore {
    private struct Parts {
        var recipients: [String] = []
        var recipientCount = 0
        var own: Set<Int> = []
        var verdict: WatchedMail.Judgement?
        var events: [WatchedMail.Event] = []
        var work: [WatchedMail.Work] = []
    }

    private static func assemble(
        _ order: [MailID], _ scope: WatchScope, _ answers: [PostgresRows]
    ) throws -> [WatchedMail] {
        var parts: [MailID: Parts] = [:]
        for row in answers[1] {
            let number = Int(try row.int4(1))
            let address = try row.text(2)
            let count = Int(try row.int8(3))
            update(&parts, try row.mailID(0)) {
                $0.recipients.append(address)
                $0.own.insert(number)
                $0.recipientCount = count
            }
        }
        for row in answers[2] {
            let verdict = WatchedMail.Judgement(
                label: try row.text(1), probability: try row.float8(2), category: try row.optionalText(3))
            update(&parts, try row.mailID(0)) { $0.verdict = verdict }
        }
        for row in answers[3] {
            let event = try WatchedMail.Event(row)
            update(&parts, try row.mailID(0)) { $0.events.append(event) }
        }
        for row in answers[4] {
            guard let stage = Stage(rawValue: try row.int2(2)) else { continue }
            let work = WatchedMail.Work(stage: stage, recipient: Int(try row.int4(1)), isParked: try row.bool(3))
            update(&parts, try row.mailID(0)) { $0.work.append(work) }
        }
        var mails: [MailID: WatchedMail] = [:]
        for row in answers[0] {
            let id = try row.mailID(0)
            mails[id] = try mail(id, row, parts[id] ?? Parts(), scope)
        }
        return order.compactMap { mails[$0] }
    }

    private static func update(_ parts: inout [MailID: Parts], _ mail: MailID, _ change: (inout Parts) -> Void) {
        change(&parts[mail, default: Parts()])
    }

    private static func mail(
        _ id: MailID, _ row: PostgresRow, _ parts: Parts, _ scope: WatchScope
    ) throws -> WatchedMail {
        let seesAll = try row.bool(6)
        // A stored summary that cannot be read costs its subject and nothing else.
        let summary = try row.optionalBytes(5).flatMap { try? MessageSummary(decoding: $0) }
        let visibility = EventVisibility(scope, own: seesAll ? nil : parts.own)
        return WatchedMail(
            id: id, receivedAt: Timestamp(microseconds: try row.timestamp(1)),
            origin: MailOrigin(rawValue: try row.int2(2)), envelopeFrom: try row.text(3), size: try row.int8(4),
            subject: summary?.envelope.subject, recipients: parts.recipients, recipientCount: parts.recipientCount,
            verdict: parts.verdict, events: parts.events.compactMap { $0.shown(by: visibility) },
            work: parts.work.filter { visibility.includes(recipient: $0.recipient) })
    }
}

extension WatchedMail.Event {
    fileprivate init(_ row: PostgresRow) throws {
        let detail = try row.text(4)
        self.init(
            event: try row.text(1), at: Timestamp(microseconds: try row.timestamp(2)),
            recipient: Int(try row.int4(3)),
            // Written by our own statements; what is no object is left out.
            detail: (try? JSONDecoder().decode([String: TraceValue].self, from: Data(detail.utf8))) ?? [:])
    }

    fileprivate func shown(by visibility: EventVisibility) -> Self? {
        visibility.detail(of: event, recipient: recipient, detail).map {
            Self(event: event, at: at, recipient: recipient, detail: $0)
        }
    }
}
