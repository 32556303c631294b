package import MailCore
package import PostgreSQL
package import QueueContracts

/// One copy of a mail that waits to be filed, with everything the decision where to needs.
package struct FilingCopy: Sendable {
    package let mail: MailID
    package let recipient: Int32
    package let origin: MailOrigin?
    /// Empty: the null sender.
    package let envelopeFrom: String
    /// As given at RCPT.
    package let address: String
    /// `nil`: filed without one, because no classifier answered in time.
    package let verdict: Verdict?
    /// Of a copy without a verdict, for the deterministic rules.
    package internal(set) var evidence: FilingEvidence?
    let body: BodyID
    let account: AccountID?
    let inbox: MailboxID?
    let junk: MailboxID?
}

/// What the deterministic rules look at.
package struct FilingEvidence: Sendable {
    /// `MessageSummary.encoded()`.
    package let summary: [UInt8]
    /// The body's first bytes, at most 32 KiB.
    package let beginning: [UInt8]
}

package struct FilingDecision: Sendable {
    package enum Folder: String, Sendable { case inbox, junk }

    package let folder: Folder
    /// What this copy has in front of the shared body.
    package let prefix: [UInt8]
    /// An IMAP keyword that the copy gets, while its mailbox has room for one more.
    package let keyword: String?

    package init(folder: Folder, prefix: [UInt8], keyword: String? = nil) {
        self.folder = folder
        self.prefix = prefix
        self.keyword = keyword
    }
}

/// What one transaction did.
package struct FilingOutcome: Sendable {
    private var newest: [MailboxKey: MailboxChanged.Mailbox] = [:]
    package var filed = 0
    /// Copies whose account is gone.
    package var discarded = 0
    package var relabelled = 0

    /// Mailboxes to look at again, once each, with their highest modseq.
    package var changed: [MailboxChanged.Mailbox] { newest.sorted { $0.key < $1.key }.map(\.value) }

    package var isEmpty: Bool { filed == 0 && discarded == 0 && relabelled == 0 }

    mutating func note(_ mailboxes: [MailboxChanged.Mailbox]) {
        for mailbox in mailboxes {
            let key = MailboxKey(account: mailbox.account, mailbox: mailbox.mailbox)
            if newest[key].map({ $0.modseq < mailbox.modseq }) ?? true { newest[key] = mailbox }
        }
    }
}

package enum FilingError: Error, Sendable {
    /// Work that stayed although nothing else took it: a mailbox without UIDs, a missing body.
    case cannotFile([MailID])
}

/// Puts classified mail into mailboxes.
///
/// A batch is one transaction of two round trips: the first locks the work rows (in key order) and reads what the
/// decision needs; the second locks the mailbox rows (in key order), and deletes the work rows, from which everything
/// else follows. So a hint that comes late or twice files nothing.
package struct FilingStore: Sendable {
    let pool: PostgresPool
    private static let attempts = 4

    package init(pool: PostgresPool) { self.pool = pool }

    /// Files every copy of `mails` that has work, and applies late verdicts.
    /// - Parameter onCommitted: told of each transaction by itself, because a later one may fail.
    package func file(
        _ mails: [MailID], decide: @escaping @Sendable (FilingCopy) -> FilingDecision,
        onCommitted: (FilingOutcome) -> Void = { _ in }
    ) async throws -> FilingOutcome {
        var outcome = FilingOutcome()
        var rest = mails
        var attempts = 0
        while !rest.isEmpty, attempts < Self.attempts {
            let step = try await retryingConflicts { [rest] in try await fileOnce(rest, decide) }
            if !step.outcome.isEmpty { onCommitted(step.outcome) }
            outcome.merge(step.outcome)
            if !step.late.isEmpty {
                let relabelled = try await retryingConflicts { try await relabel(step.late) }
                if !relabelled.isEmpty { onCommitted(relabelled) }
                outcome.merge(relabelled)
            }
            // Copies beyond the limit are no failed attempt.
            if step.isFull, !step.outcome.isEmpty { continue }
            attempts += 1
            rest = step.left
        }
        // What stays was refused by the statement itself; the caller counts the attempt.
        guard rest.isEmpty else { throw FilingError.cannotFile(rest) }
        return outcome
    }

    /// A deadlock or a serialization failure rolled everything back; the same again is right.
    func retryingConflicts<T>(_ work: () async throws -> T) async throws -> T {
        for _ in 1..<Self.attempts {
            do {
                return try await work()
            } catch let error as PostgresError where error.sqlState?.hasPrefix("40") == true {
                continue
            }
        }
        return try await work()
    }

    private struct Step: Sendable {
        var outcome = FilingOutcome()
        /// Mails with a late verdict.
        var late: [MailID] = []
        /// Mails with copies that could not be filed this time: a mailbox disappeared in between.
        var left: [MailID] = []
        /// There may be more copies than one transaction takes.
        var isFull = false
    }

    private func fileOnce(
        _ mails: [MailID], _ decide: @escaping @Sendable (FilingCopy) -> FilingDecision
    ) async throws -> Step {
        try await pool.transaction { connection in
            let ids = PostgresValue.uuidArray(mails.map { ($0.uuid.high, $0.uuid.low) })
            let answers = try connection.pipeline([
                (Self.lockCopies, [ids]), (Self.findLate, [ids]),
            ])
            var step = Step()
            guard answers.count == 2 else { return step }
            for row in answers[1] { step.late.append(try row.mailID(0)) }
            let copies = try answers[0].map { try FilingCopy($0) }
            step.isFull = copies.count >= Self.copiesAtOnce
            var plan = FilingPlan()
            var rest = copies[...]
            while !rest.isEmpty { rest = try Self.add(rest, to: &plan, decide, on: connection) }
            guard !plan.isEmpty else { return step }
            try plan.createInboxes(on: connection)
            let results = try connection.commit(after: plan.calls)
            try plan.read(results, into: &step.outcome, left: &step.left)
            return step
        }
    }
}

extension FilingStore {
    /// Decides about copies, which are in the order of their mails. Mails that failed open cost a round trip more for
    /// each 4 MiB of summaries, and are not kept in memory longer than that.
    /// - Returns: those that are left.
    private static func add(
        _ copies: ArraySlice<FilingCopy>, to plan: inout FilingPlan, _ decide: (FilingCopy) -> FilingDecision,
        on connection: isolated PostgresConnection
    ) throws(PostgresError) -> ArraySlice<FilingCopy> {
        let unjudged = Set(copies.filter { $0.verdict == nil }.map(\.mail)).sorted()
        var evidence: [MailID: FilingEvidence] = [:]
        if !unjudged.isEmpty {
            let ids = PostgresValue.uuidArray(unjudged.map { ($0.uuid.high, $0.uuid.low) })
            for row in try connection.execute(readEvidence, [ids]) {
                evidence[try row.mailID(0)] = FilingEvidence(
                    summary: try row.bytes(1), beginning: try row.optionalBytes(2) ?? [])
            }
        }
        var end = copies.endIndex
        if let last = evidence.keys.max(), evidence.count < unjudged.count {
            end = copies.firstIndex { $0.mail > last } ?? end
        }
        for var copy in copies[..<end] {
            copy.evidence = copy.verdict == nil ? evidence[copy.mail] : nil
            plan.add(copy, decide)
        }
        return copies[end...]
    }
}

extension FilingOutcome {
    fileprivate mutating func merge(_ other: FilingOutcome) {
        filed += other.filed
        discarded += other.discarded
        relabelled += other.relabelled
        note(other.changed)
    }
}

extension PostgresRow {
    func mailID(_ column: Int) throws(PostgresError) -> MailID {
        let (high, low) = try uuid(column)
        return MailID(UUIDv7(high: high, low: low))
    }

    func bodyID(_ column: Int) throws(PostgresError) -> BodyID {
        let (high, low) = try uuid(column)
        return BodyID(UUIDv7(high: high, low: low))
    }
}
