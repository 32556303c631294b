package import MailCore
import PostgreSQL

/// What an operator does: through the schema owner's role, not through a daemon's.
extension AccountStore {
    package enum AdministrationError: Error, Sendable, Hashable {
        case notAnAddress(String)
        case notADomain(String)
        /// The domain is not one of ours.
        case foreign(String)
        case exists(String)
        case notFound(String)
        case tooManyTargets(String)
    }

    // MARK: - Domains

    /// - Returns: false if it was there already.
    package func addDomain(_ name: String) async throws -> Bool {
        let name = name.lowercased()
        guard LocalAddress.isDomain(name) else { throw AdministrationError.notADomain(name) }
        return try await pool.withConnection { try $0.execute(Self.insertDomain, [.text(name)]).affected == 1 }
    }

    package struct Domain: Sendable, Hashable {
        package let name: String
        package let accounts: Int64
        package let createdAt: Timestamp
    }

    package func domains() async throws -> [Domain] {
        try await pool.withConnection { connection in
            try connection.execute(Self.listDomains).map { row in
                Domain(
                    name: try row.text(0), accounts: try row.int8(1),
                    createdAt: Timestamp(microseconds: try row.timestamp(2)))
            }
        }
    }

    // MARK: - Accounts

    package struct NewAccount: Sendable {
        package let address: String
        /// RFC 5803.
        package let verifier: Secret<String>

        package init(address: String, verifier: Secret<String>) {
            self.address = address
            self.verifier = verifier
        }
    }

    package struct Account: Sendable, Hashable {
        package let id: AccountID
        package let address: String
        package let createdAt: Timestamp
        package let isDisabled: Bool
    }

    /// Adds all or none, with their initial mailboxes, in one transaction.
    ///
    /// - Parameter skipExisting: leaves accounts that exist as they are; otherwise one is an error.
    /// - Returns: the addresses that were added.
    package func addAccounts(_ accounts: [NewAccount], skipExisting: Bool = false) async throws -> [String] {
        var addresses: [String] = []
        for account in accounts {
            guard let address = LocalAddress(account.address), address.isPlain, address.base == address.full else {
                throw AdministrationError.notAnAddress(account.address)
            }
            addresses.append(address.full)
        }
        let names = addresses
        let verifiers = accounts.map { $0.verifier.reveal() }
        return try await pool.transaction { connection in
            try connection.setStatementTimeout(.seconds(60))
            try Self.requireLocal(names, on: connection)
            var added: [String] = []
            for start in stride(from: 0, to: names.count, by: 1000) {
                let end = min(start + 1000, names.count)
                let rows = try connection.execute(
                    Self.insertAccounts,
                    [.textArray(Array(names[start..<end])), .textArray(Array(verifiers[start..<end]))])
                let ids = try rows.map { AccountID(try $0.int8(0)) }
                let inserted = try rows.map { try $0.text(1) }
                if inserted.count < end - start, !skipExisting {
                    let there = Set(inserted)
                    throw AdministrationError.exists(names[start..<end].first { !there.contains($0) } ?? names[start])
                }
                _ = try connection.pipeline(MailboxProvisioning.calls(for: ids))
                added += inserted
            }
            return added
        }
    }

    /// Those of the addresses that are taken, deleted accounts included.
    package func existing(_ addresses: [String]) async throws -> Set<String> {
        let names = addresses.compactMap { LocalAddress($0)?.full }
        return try await pool.withConnection { connection in
            Set(try connection.execute(Self.findExisting, [.textArray(names)]).map { try $0.text(0) })
        }
    }

    /// In order of address, so that pages of a long list can be asked for by the last one seen.
    package func accounts(after address: String = "", limit: Int = 1_000_000) async throws -> [Account] {
        try await pool.withConnection { connection in
            try connection.execute(Self.listAccounts, [.text(address), .int8(Int64(limit))]).map { row in
                Account(
                    id: AccountID(try row.int8(0)), address: try row.text(1),
                    createdAt: Timestamp(microseconds: try row.timestamp(2)), isDisabled: try row.bool(3))
            }
        }
    }

    package func setVerifier(_ verifier: Secret<String>, of address: String) async throws {
        try await change(address, Self.updateVerifier, .text(verifier.reveal()))
    }

    /// A disabled account neither logs in nor receives; its mail stays.
    package func setDisabled(_ isDisabled: Bool, of address: String) async throws {
        try await change(address, Self.updateDisabled, .bool(isDisabled))
    }

    private func change(_ address: String, _ statement: PreparedStatement, _ value: PostgresValue) async throws {
        guard let name = LocalAddress(address)?.full else { throw AdministrationError.notAnAddress(address) }
        let changed = try await pool.withConnection { try $0.execute(statement, [.text(name), value]).affected }
        guard changed == 1 else { throw AdministrationError.notFound(name) }
    }

    // MARK: - Aliases

    package struct Alias: Sendable, Hashable {
        package let address: String
        package let target: String
    }

    /// The alias must be of our own domains. A target elsewhere is forwarded to, its local part as it is written
    /// here; a target of ours must exist.
    ///
    /// - Returns: false if it was there already.
    package func addAlias(_ address: String, target: String) async throws -> Bool {
        guard let from = LocalAddress(address), from.isPlain else { throw AdministrationError.notAnAddress(address) }
        guard let to = LocalAddress(target), to.isPlain, let at = target.lastIndex(of: "@") else {
            throw AdministrationError.notAnAddress(target)
        }
        let local = String(target[...at])
        return try await pool.transaction { connection in
            try Self.requireLocal([from.full], on: connection)
            let target: String
            switch try Self.expand(to, on: connection) {
            case .unknown: throw AdministrationError.notFound(to.full)
            case .foreign: target = local + to.domain
            case .local, .forwarded: target = to.full
            }
            // The same target in other letters is replaced: what counts elsewhere is how it is written.
            _ = try connection.execute(Self.deleteSpellings, [.text(from.full), .text(target)])
            let added = try connection.execute(Self.insertAlias, [.text(from.full), .text(target)]).affected == 1
            // Too deep or too wide once added: refused, and rolled back.
            if case .unknown = try Self.expand(from, on: connection) {
                throw AdministrationError.tooManyTargets(from.full)
            }
            return added
        }
    }

    package func aliases() async throws -> [Alias] {
        try await pool.withConnection { connection in
            try connection.execute(Self.listAliases).map { Alias(address: try $0.text(0), target: try $0.text(1)) }
        }
    }

    private static func requireLocal(_ addresses: [String], on connection: isolated PostgresConnection) throws {
        let domains = Set(addresses.compactMap { LocalAddress($0)?.domain })
        let rows = try connection.execute(foreignDomains, [.textArray(domains.sorted())])
        if let row = rows.first { throw AdministrationError.foreign(try row.text(0)) }
    }

    // MARK: - Statements

    private static let insertDomain = PreparedStatement(
        "domain_insert", "INSERT INTO domain (name) VALUES ($1) ON CONFLICT DO NOTHING")
    private static let listDomains = PreparedStatement(
        "domain_list",
        """
        SELECT d.name, count(a.account_id), d.created_at FROM domain d
        LEFT JOIN account a ON split_part(a.address, '@', 2) = d.name AND a.deleted_at IS NULL
        GROUP BY d.name ORDER BY d.name
        """)
    private static let foreignDomains = PreparedStatement(
        "domain_foreign",
        "SELECT n FROM unnest($1::text[]) AS n WHERE NOT EXISTS (SELECT FROM domain d WHERE d.name = n) LIMIT 1")
    private static let insertAccounts = PreparedStatement(
        "account_insert",
        """
        INSERT INTO account (address, scram) SELECT * FROM unnest($1::text[], $2::text[])
        ON CONFLICT (address) DO NOTHING RETURNING account_id, address
        """)
    private static let findExisting = PreparedStatement(
        "account_existing", "SELECT address FROM account WHERE address = ANY ($1::text[])")
    private static let listAccounts = PreparedStatement(
        "account_list",
        """
        SELECT account_id, address, created_at, disabled_at IS NOT NULL FROM account
        WHERE address > $1 AND deleted_at IS NULL ORDER BY address LIMIT $2
        """)
    private static let updateVerifier = PreparedStatement(
        "account_verifier", "UPDATE account SET scram = $2 WHERE address = $1 AND deleted_at IS NULL")
    private static let updateDisabled = PreparedStatement(
        "account_disable",
        """
        UPDATE account SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END
        WHERE address = $1 AND deleted_at IS NULL
        """)
    private static let insertAlias = PreparedStatement(
        "alias_insert", "INSERT INTO alias (address, target) VALUES ($1, $2) ON CONFLICT DO NOTHING")
    private static let deleteSpellings = PreparedStatement(
        "alias_delete_spellings",
        "DELETE FROM alias WHERE address = $1 AND lower(target) = lower($2) AND target <> $2")
    private static let listAliases = PreparedStatement(
        "alias_list", "SELECT address, target FROM alias ORDER BY address, target")
}
