import MailCore
import PostgreSQL
import QueueContracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Recording how attempts ended.
///
/// One transaction for a batch: destinations are locked in the order of their names, work rows in key order. That a
/// mail was delivered is a fact and counts under any lease, or it would be delivered again; that it was refused counts
/// unless somebody else has the copy by now; all else only while the copy is claimed under the outcome's lease. The
/// deletion of a work row drives the rest: the end of the copy, its history, the release of the body. A notification is
/// accepted in the same transaction.
///
/// Deliveries alone are one round trip and lock no destination: they leave nothing behind that is due, and whoever
/// claims for the same domain must not wait for their commit.
extension RelayStore {
    /// Makes the notification; its recipients are found here.
    package typealias Notify = @Sendable (UndeliveredMail) -> AcceptedMail

    /// - Parameters:
    ///   - holds: how long a destination is held after its n-th failure in a row.
    package func record(
        _ outcomes: [RelayOutcome], news: [String: DestinationNews], holds: [Duration], notify: @escaping Notify
    ) async throws -> RelayRecord {
        try await retryingConflicts {
            try await pool.transaction { connection in
                var sheet = RelaySheet(outcomes: outcomes, news: news, holds: holds)
                if sheet.isDeliveries {
                    let ended = try connection.commit(after: sheet.deliveries())[1].count
                    sheet.record.delivered = ended
                    sheet.record.lost = outcomes.count - ended
                    return sheet.record
                }
                try sheet.keepHeld(on: connection)
                let reports = try sheet.reports(notify, on: connection)
                _ = try connection.commit(after: sheet.calls(reports))
                return sheet.record
            }
        }
    }
}

/// The outcomes of one transaction, sorted into the rows they become.
private struct RelaySheet {
    private struct Entry {
        let outcome: RelayOutcome
        var isExpired = false
    }

    private var entries: [Entry]
    private let domains: [String]
    private let news: [String: DestinationNews]
    private let holds: [Duration]
    var record = RelayRecord()

    init(outcomes: [RelayOutcome], news: [String: DestinationNews], holds: [Duration]) {
        entries = outcomes.map { Entry(outcome: $0) }
        domains = Set(outcomes.map(\.lease.domain)).union(news.keys).sorted()
        self.news = news
        self.holds = holds
    }

    /// Nothing but copies that other hosts took, each once.
    var isDeliveries: Bool {
        news.isEmpty && entries.allSatisfy { $0.outcome.kind == .delivered }
            && Set(entries.map { Key(mail: $0.outcome.mail, recipient: $0.outcome.copy.recipient) }).count
                == entries.count
    }

    private struct Key: Hashable {
        let mail: MailID
        let recipient: Int32
    }

    func deliveries() -> [PostgresConnection.Call] { [(RelayStore.lockWork, keys(entries)), end(entries)] }

    /// Locks everything and leaves out what is not ours any more.
    mutating func keepHeld(on connection: isolated PostgresConnection) throws {
        let outcomes = entries.map(\.outcome)
        let keys: [PostgresValue] = [
            RelayStore.ids(outcomes.map(\.mail)), .int4Array(outcomes.map(\.copy.recipient)),
        ]
        let answers = try connection.pipeline([
            (RelayStore.lockDestinations, [.textArray(domains)]), (RelayStore.lockWork, keys),
            (
                RelayStore.findHeld,
                keys + [.int8Array(outcomes.map(\.lease.fence)), .int4Array(outcomes.map { weight($0.kind) })]
            ),
        ])
        guard answers.count == 3 else { throw PostgresError(.decoding, "no answer") }
        var held: [Entry] = []
        var places: [MailID: [Int32: Int]] = [:]
        for row in answers[2] {
            let place = Int(try row.int8(0)) - 1
            guard entries.indices.contains(place) else { continue }
            var entry = entries[place]
            if case .deferred = entry.outcome.kind { entry.isExpired = try row.bool(1) }
            // Of two holders of one copy, the one that delivered it.
            let outcome = entry.outcome
            if let other = places[outcome.mail]?[outcome.copy.recipient] {
                if weight(outcome.kind) > weight(held[other].outcome.kind) { held[other] = entry }
                continue
            }
            places[outcome.mail, default: [:]][outcome.copy.recipient] = held.count
            held.append(entry)
        }
        record.lost = entries.count - held.count
        entries = held
        for entry in entries {
            switch entry.outcome.kind {
            case .delivered: record.delivered += 1
            case .deferred where !entry.isExpired: record.deferred += 1
            case .deferred, .failed: record.failed += 1
            }
        }
    }

    /// How far an outcome counts by itself, whoever has the copy now.
    private func weight(_ kind: RelayOutcome.Kind) -> Int32 {
        switch kind {
        case .deferred: 0
        case .failed: 1
        case .delivered: 2
        }
    }

    private func isFailed(_ entry: Entry) -> Bool { entry.isExpired || entry.outcome.kind == .failed }

    // MARK: - Notifications

    struct Report {
        let about: MailID
        let mail: AcceptedMail
    }

    mutating func reports(
        _ notify: RelayStore.Notify, on connection: isolated PostgresConnection
    ) throws -> [Report] {
        var copies: [MailID: [UndeliveredMail.Copy]] = [:]
        for entry in entries where isFailed(entry) {
            copies[entry.outcome.mail, default: []].append(
                UndeliveredMail.Copy(
                    address: entry.outcome.copy.address, via: entry.outcome.copy.via, isExpired: entry.isExpired,
                    answer: entry.outcome.answer))
        }
        guard !copies.isEmpty else { return [] }
        var reports: [Report] = []
        for row in try connection.execute(RelayStore.readUndelivered, [RelayStore.ids(copies.keys.sorted())]) {
            let mail = try row.mailID(0)
            let sender = try row.text(1)
            let recipients = try Self.recipients(sender, on: connection)
            // The sender named in a junk mail did not send it.
            guard !recipients.isEmpty, try !row.bool(6) else {
                record.untold += 1
                continue
            }
            var rest = (copies[mail] ?? [])[...]
            while !rest.isEmpty {
                var report = notify(
                    UndeliveredMail(
                        mail: mail, sender: sender, isFromOutside: try row.bool(5),
                        traceparent: TraceParent(try row.text(2)) ?? .start(),
                        receivedAt: Timestamp(microseconds: try row.timestamp(3)),
                        beginning: try row.optionalBytes(4) ?? [], copies: Array(rest.prefix(Self.copiesPerReport))))
                rest = rest.dropFirst(Self.copiesPerReport)
                report.recipients = recipients
                reports.append(Report(about: mail, mail: report))
                record.notifications.append((report.id, report.traceparent))
            }
        }
        return reports
    }

    /// A notification travels in one chunk.
    private static let copiesPerReport = 40

    /// RFC 5321 6.1: never to the null sender. Nor to one who has no account any more.
    private static func recipients(
        _ sender: String, on connection: isolated PostgresConnection
    ) throws -> [AcceptedRecipient] {
        guard !sender.isEmpty, let address = LocalAddress(sender) else { return [] }
        return switch try AccountStore.expand(address, on: connection) {
        case .local(let accounts): accounts.map { AcceptedRecipient(address: sender, account: $0.account) }
        case .forwarded(let accounts, let targets):
            accounts.map { AcceptedRecipient(address: sender, account: $0.account) }
                + targets.map { AcceptedRecipient(address: $0, account: nil, via: address.full) }
        case .foreign: [AcceptedRecipient(address: sender, account: nil)]
        case .unknown: []
        }
    }

    // MARK: - Rows

    func calls(_ reports: [Report]) -> [PostgresConnection.Call] {
        var calls: [PostgresConnection.Call] = []
        let ended = entries.filter { isFailed($0) || $0.outcome.kind == .delivered }
        if !ended.isEmpty { calls.append(end(ended)) }
        let deferred = entries.filter { if case .deferred = $0.outcome.kind { !$0.isExpired } else { false } }
        if !deferred.isEmpty { calls.append((RelayStore.deferCopies, keys(deferred) + columns(deferred))) }
        if !reports.isEmpty {
            calls.append(AcceptanceStore.insert(reports.map(\.mail)))
            calls.append(
                (
                    RelayStore.noteReports,
                    [RelayStore.ids(reports.map(\.about)), .textArray(reports.map(\.mail.id.description))]
                ))
        }
        return calls + destinationCalls()
    }

    private func end(_ ended: [Entry]) -> PostgresConnection.Call {
        (
            RelayStore.endCopies,
            keys(ended) + [
                .textArray(ended.map { isFailed($0) ? "undeliverable" : "relayed" }), .jsonbArray(ended.map(detail)),
            ]
        )
    }

    private func destinationCalls() -> [PostgresConnection.Call] {
        let reached = domains.filter { news[$0] == .reached }
        let held = domains.compactMap { domain in
            if case .unreachable(let reply)? = news[domain] { (domain, reply) } else { nil }
        }
        var calls: [PostgresConnection.Call] = []
        if !reached.isEmpty { calls.append((RelayStore.noteReached, [.textArray(reached)])) }
        if !held.isEmpty {
            calls.append(
                (
                    RelayStore.holdDestinations,
                    [
                        .textArray(held.map(\.0)), .textArray(held.map(\.1)),
                        .float8Array(holds.map { min($0.inSeconds, RelayStore.longestHold.inSeconds) }),
                    ]
                ))
        }
        calls.append((RelayStore.refresh, [.textArray(domains)]))
        return calls
    }

    private func keys(_ entries: [Entry]) -> [PostgresValue] {
        [RelayStore.ids(entries.map(\.outcome.mail)), .int4Array(entries.map(\.outcome.copy.recipient))]
    }

    private func columns(_ entries: [Entry]) -> [PostgresValue] {
        [
            .float8Array(
                entries.map { entry in
                    if case .deferred(let again) = entry.outcome.kind { again.inSeconds } else { 0 }
                }),
            .textArray(entries.map(\.outcome.answer.status)), .textArray(entries.map { line($0.outcome.answer) }),
            .textArray(entries.map(\.outcome.answer.host)), .byteaArray(entries.map { $0.outcome.prefix ?? [] }),
            .jsonbArray(entries.map(detail)),
        ]
    }

    private func line(_ answer: RelayAnswer) -> String {
        answer.code == 0 ? answer.text : "\(answer.code) \(answer.text)"
    }

    private struct Detail: Encodable {
        let to: String
        let host: String?
        let status: String
        let reply: String
        var expired: Bool?
        var attempt: Int
    }

    private func detail(_ entry: Entry) -> String {
        let answer = entry.outcome.answer
        let detail = Detail(
            to: entry.outcome.copy.address, host: answer.host.isEmpty ? nil : answer.host, status: answer.status,
            reply: line(answer), expired: entry.isExpired ? true : nil, attempt: entry.outcome.copy.tries + 1)
        // Texts and numbers always encode.
        return (try? JSONEncoder().encode(detail)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
