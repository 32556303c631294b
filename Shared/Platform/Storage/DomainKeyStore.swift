package import MailCore
package import PostgreSQL

/// A key as the signer needs it.
package struct DomainKey: Sendable {
    package let domain: String
    package let selector: String
    /// `rsa-sha256` or `ed25519-sha256`.
    package let algorithm: String
    package let privateKey: Secret<[UInt8]>
}

/// The DKIM keys of the domains. The private halves can be read by the schema's owner and by relayd alone.
package struct DomainKeyStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// The keys that sign for a domain now, by selector; none for a domain that is not ours.
    package func signingKeys(for domain: String) async throws -> [DomainKey] {
        try await pool.withConnection { connection in
            try connection.execute(Self.selectSigning, [.text(domain)]).map { row in
                DomainKey(
                    domain: domain, selector: try row.text(0), algorithm: try row.text(1),
                    privateKey: Secret(try row.bytes(2)))
            }
        }
    }

    // MARK: - What the operator does, with the owner's rights

    package enum State: String, Sendable, Codable {
        /// Made; its record is to be published first.
        case waiting
        case signing
        case retired
    }

    /// A key without its private half.
    package struct Listed: Sendable, Hashable {
        package let domain: String
        package let selector: String
        package let algorithm: String
        package let publicKey: [UInt8]
        package let state: State
        package let createdAt: Timestamp
    }

    package struct NewKey: Sendable {
        package let selector: String
        package let algorithm: String
        package let privateKey: Secret<[UInt8]>
        package let publicKey: [UInt8]

        package init(selector: String, algorithm: String, privateKey: Secret<[UInt8]>, publicKey: [UInt8]) {
            self.selector = selector
            self.algorithm = algorithm
            self.privateKey = privateKey
            self.publicKey = publicKey
        }
    }

    /// All keys of a domain, oldest first; throws `.foreign` when the domain is not ours.
    package func keys(of domain: String) async throws -> [Listed] {
        let domain = domain.lowercased()
        return try await pool.withConnection { connection in
            try Self.require(domain, on: connection)
            return try Self.list(domain, on: connection)
        }
    }

    /// Adds keys to a domain. One whose selector is taken gets the next free one (`name-2`, `name-3`, ...).
    ///
    /// - Parameters:
    ///   - signing: they sign from now on; otherwise they wait for `activate`.
    ///   - onlyFirst: does nothing when the domain has a key that signs or waits.
    /// - Returns: all keys of the domain afterwards.
    package func add(
        _ keys: [NewKey], to domain: String, signing: Bool, onlyFirst: Bool = false
    ) async throws -> [Listed] {
        let domain = domain.lowercased()
        return try await pool.transaction { connection in
            try Self.require(domain, on: connection)
            // One change of a domain's keys at a time.
            _ = try connection.execute(Self.lock, [.text(domain)])
            let present = try Self.list(domain, on: connection)
            if onlyFirst, present.contains(where: { $0.state != .retired }) { return present }
            var taken = Set(present.map(\.selector))
            for key in keys {
                let names = [key.selector] + (2...1000).map { "\(key.selector)-\($0)" }
                guard let selector = names.first(where: { !taken.contains($0) }) else {
                    throw AccountStore.AdministrationError.exists(key.selector)
                }
                taken.insert(selector)
                _ = try connection.execute(
                    Self.insert,
                    [
                        .text(domain), .text(selector), .text(key.algorithm), .bytea(key.privateKey.reveal()),
                        .bytea(key.publicKey), .bool(signing),
                    ])
            }
            return try Self.list(domain, on: connection)
        }
    }

    /// Lets the waiting keys of these selectors sign, and retires every other key that signs: its private half goes.
    package func activate(_ selectors: [String], of domain: String) async throws -> [Listed] {
        let domain = domain.lowercased()
        return try await pool.transaction { connection in
            try Self.require(domain, on: connection)
            _ = try connection.execute(Self.lock, [.text(domain)])
            let waiting = Set(try Self.list(domain, on: connection).filter { $0.state == .waiting }.map(\.selector))
            for selector in selectors where !waiting.contains(selector) {
                throw AccountStore.AdministrationError.notFound(selector)
            }
            _ = try connection.execute(Self.retire, [.text(domain)])
            _ = try connection.execute(Self.activate, [.text(domain), .textArray(selectors)])
            return try Self.list(domain, on: connection)
        }
    }

    private static func require(_ domain: String, on connection: isolated PostgresConnection) throws {
        guard try connection.execute(isLocal, [.text(domain)]).first != nil else {
            throw AccountStore.AdministrationError.foreign(domain)
        }
    }

    private static func list(_ domain: String, on connection: isolated PostgresConnection) throws -> [Listed] {
        try connection.execute(selectAll, [.text(domain)]).map { row in
            Listed(
                domain: domain, selector: try row.text(0), algorithm: try row.text(1), publicKey: try row.bytes(2),
                state: try row.bool(4) ? .retired : try row.bool(3) ? .signing : .waiting,
                createdAt: Timestamp(microseconds: try row.timestamp(5)))
        }
    }

    // MARK: - Statements

    private static let selectSigning = PreparedStatement(
        "domain_key_signing",
        """
        SELECT selector, algorithm, private_key FROM domain_key
        WHERE domain = $1 AND signs_from <= now() AND retired_at IS NULL ORDER BY algorithm DESC, selector
        """)
    private static let isLocal = PreparedStatement("domain_key_local", "SELECT 1 FROM domain WHERE name = $1")
    private static let lock = PreparedStatement(
        "domain_key_lock", "SELECT 1 FROM domain WHERE name = $1 FOR NO KEY UPDATE")
    private static let selectAll = PreparedStatement(
        "domain_key_list",
        """
        SELECT selector, algorithm, public_key, signs_from IS NOT NULL, retired_at IS NOT NULL, created_at
        FROM domain_key WHERE domain = $1 ORDER BY created_at, selector
        """)
    private static let insert = PreparedStatement(
        "domain_key_insert",
        """
        INSERT INTO domain_key (domain, selector, algorithm, private_key, public_key, signs_from)
        VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END)
        """)
    private static let retire = PreparedStatement(
        "domain_key_retire",
        """
        UPDATE domain_key SET retired_at = now(), private_key = NULL
        WHERE domain = $1 AND signs_from IS NOT NULL AND retired_at IS NULL
        """)
    private static let activate = PreparedStatement(
        "domain_key_activate",
        "UPDATE domain_key SET signs_from = now() WHERE domain = $1 AND selector = ANY ($2::text[])")
}
