package import MailCore
package import PostgreSQL

/// The right to deliver to one domain by one connection, until it runs out or is taken away.
package struct RelayLease: Sendable, Hashable {
    package let domain: String
    /// Never used twice: what was claimed under an older lease is not ours any more.
    package let fence: Int64
    /// An account of ours has written to the domain; otherwise mail goes there by the doing of strangers alone.
    package let isWrittenTo: Bool

    package init(domain: String, fence: Int64, isWrittenTo: Bool = true) {
        self.domain = domain
        self.fence = fence
        self.isWrittenTo = isWrittenTo
    }
}

/// A mail with its copies for one domain, claimed under a lease.
package struct RelayMail: Sendable {
    package struct Copy: Sendable, Hashable {
        package let recipient: Int32
        package let address: String
        /// The address of ours that forwards to it.
        package let via: String?
        /// Attempts that ended without success.
        package let tries: Int
        /// What it has in front of the body; `nil` before its first attempt.
        package let prefix: [UInt8]?
    }

    package let id: MailID
    package let body: BodyID
    /// Of the body.
    package let size: Int
    /// Empty: the null sender.
    package let sender: String
    package let origin: MailOrigin
    package let submitter: AccountID?
    /// The whole body when it came with the claim; a large one is read in chunks.
    package let whole: [UInt8]?
    package internal(set) var copies: [Copy]
}

/// What was claimed for one domain.
package struct RelayClaim: Sendable {
    package internal(set) var mails: [RelayMail] = []
    /// There may be more that is due.
    package internal(set) var isFull = false
    /// The domain is held: no connection now, and the mails are those whose time is over.
    package internal(set) var isHeld = false
    /// Why it is held.
    package internal(set) var lastReply: String?
    /// Mails that were given up, because the last attempts ended their process.
    package internal(set) var parked: [MailID] = []
    /// The lease is gone; nothing was claimed.
    package internal(set) var isLeaseLost = false
}

/// The state of outbound delivery.
///
/// The work row of a copy (stage relay) is the outbox and says that something is left to do; `relay_copy` says when and
/// what happened so far. Whoever changes copies of a domain first locks its `relay_destination` row, several in the
/// order of their names, then work rows in key order. Deliveries alone are recorded without the destination's row; should
/// they meet a claim of the same copies (a late outcome under a revoked lease), both are tried again.
package struct RelayStore: Sendable {
    let pool: PostgresPool
    private static let attempts = 4

    package init(pool: PostgresPool) { self.pool = pool }

    // MARK: - Admission

    /// Gives each copy that newly waits its destination and its times. A hint that comes twice changes nothing, and is
    /// no try; work that an operator made due again is due at once, and its destination is not held any longer. The
    /// alarm of a copy that nobody ended makes its destination looked at.
    /// - Returns: how many copies are due now.
    package func admit(_ mails: [MailID], expiry: Duration) async throws -> Int {
        let ids = Self.ids(mails)
        return try await retryingConflicts {
            try await pool.transaction { connection in
                let domains = try connection.execute(Self.lockNewDestinations, [ids]).map { try $0.text(0) }
                guard !domains.isEmpty else {
                    _ = try connection.commit(after: [(Self.forgiveAdmitted, [ids])])
                    return 0
                }
                let names = PostgresValue.textArray(domains)
                let results = try connection.commit(after: [
                    (Self.lockFreshWork, [ids]), (Self.admitCopies, [ids, names, .float8(expiry.inSeconds)]),
                    (Self.forgiveAdmitted, [ids]), (Self.refresh, [names]),
                    (Self.noteWritten, [ids, names]),
                ])
                return results.count == 5 ? results[1].count : 0
            }
        }
    }

    // MARK: - Leases

    /// Takes leases of destinations that are due, longest waiting first.
    /// - Parameters:
    ///   - slots: how many leases one destination may have, on all hosts together.
    ///   - strangers: how many of the leases may be of destinations that no account of ours has written to.
    package func lease(
        holder: String, limit: Int, slots: Int, strangers: Int = .max, for duration: Duration
    ) async throws -> [RelayLease] {
        try await pool.transaction { connection in
            try connection.commit(after: [
                (
                    Self.takeLeases,
                    [
                        .text(holder), .float8(duration.inSeconds), .int4(Int32(clamping: slots)),
                        .int4(Int32(clamping: limit)), .int4(Int32(clamping: max(0, strangers))),
                    ]
                )
            ])[0].map { RelayLease(domain: try $0.text(0), fence: try $0.int8(1), isWrittenTo: try $0.bool(2)) }
        }
    }

    /// - Returns: the fences whose leases still were and are ours.
    package func renew(_ fences: [Int64], holder: String, for duration: Duration) async throws -> Set<Int64> {
        guard !fences.isEmpty else { return [] }
        return try await pool.withConnection { connection in
            let rows = try connection.execute(
                Self.renewLeases, [.int8Array(fences), .text(holder), .float8(duration.inSeconds)])
            return Set(try rows.map { try $0.int8(0) })
        }
    }

    /// Gives a lease back. What was claimed under it and has no end is as if it had not been claimed.
    package func release(_ lease: RelayLease) async throws {
        try await giveBack(lease, expiredOnly: false)
    }

    /// Takes leases away whose holders have vanished. Their attempts stay counted.
    /// - Parameter running: fences of those that the caller knows to be worked under: they have not vanished, though
    ///   they could not be renewed, and what was delivered under them may wait to be recorded.
    /// - Returns: how many.
    package func revokeExpired(limit: Int, except running: [Int64] = []) async throws -> Int {
        let expired = try await pool.withConnection { connection in
            try connection.execute(Self.findExpired, [.int4(Int32(clamping: limit)), .int8Array(running)]).map {
                RelayLease(domain: try $0.text(0), fence: try $0.int8(1))
            }
        }
        for lease in expired { try await giveBack(lease, expiredOnly: true) }
        return expired.count
    }

    private func giveBack(_ lease: RelayLease, expiredOnly: Bool) async throws {
        let (domain, fence) = (PostgresValue.text(lease.domain), PostgresValue.int8(lease.fence))
        _ = try await retryingConflicts {
            try await pool.transaction { connection in
                _ = try connection.execute(Self.lockDestination, [domain])
                guard !(try connection.execute(Self.dropLease, [fence, .bool(expiredOnly)]).isEmpty) else { return }
                _ = try connection.commit(after: [
                    (Self.freeCopies, [fence, .int2(expiredOnly ? 0 : 1)]),
                    (Self.refresh, [.textArray([lease.domain])]),
                ])
            }
        }
    }

    // MARK: - The next look

    package struct Outlook: Sendable, Hashable {
        /// Until a destination with a free slot is due; negative when one is; `nil` when nothing waits.
        package let untilDue: Duration?
        /// Until the first lease runs out, of those that are not the caller's.
        package let untilLeaseEnds: Duration?
    }

    /// - Parameters:
    ///   - slots: how many leases one destination may have.
    ///   - strangers: whether destinations that no account of ours has written to count.
    ///   - running: fences that the caller works under.
    package func outlook(
        slots: Int = .max, strangers: Bool = true, except running: [Int64] = []
    ) async throws -> Outlook {
        try await pool.withConnection { connection in
            let row = try connection.execute(
                Self.nextLook, [.int4(Int32(clamping: slots)), .int8Array(running), .bool(strangers)]
            ).first
            return Outlook(
                untilDue: try row?.optionalFloat8(0).map { .seconds($0) },
                untilLeaseEnds: try row?.optionalFloat8(1).map { .seconds($0) })
        }
    }

    /// Forgets domains that nothing has been sent to for a day.
    package func forgetIdle() async throws -> Int {
        try await pool.transaction { try $0.commit(after: [(Self.forgetDestinations, [])])[0].affected }
    }

    // MARK: -

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

    static func ids(_ mails: [MailID]) -> PostgresValue { .uuidArray(mails.map { ($0.uuid.high, $0.uuid.low) }) }
}
