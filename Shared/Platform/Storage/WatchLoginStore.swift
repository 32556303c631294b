package import MailCore
package import PostgreSQL

/// What a login to the live page stands on: admins, the key of the tokens, and who may still use which token.
package struct WatchLoginStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    // MARK: - Tokens

    /// The key that signs tokens; the first process that asks makes it.
    package func signingKey(orMake make: @Sendable () -> Secret<[UInt8]>) async throws -> Secret<[UInt8]> {
        let made = make().reveal()
        return try await pool.transaction { connection in
            if let row = try connection.execute(Self.findKey).first { return Secret(try row.bytes(0)) }
            _ = try connection.execute(Self.insertKey, [.bytea(made)]).affected
            guard let row = try connection.execute(Self.findKey).first else {
                throw PostgresError(.decoding, "no signing key")
            }
            return Secret(try row.bytes(0))
        }
    }

    package enum Subject: Sendable, Hashable {
        case account(AccountID)
        case admin(String)
    }

    /// Whether somebody may still come in, as a mark that changes with the password; `nil` when disabled or gone.
    package func standing(of subject: Subject) async throws -> String? {
        try await pool.withConnection { connection in
            switch subject {
            case .account(let account):
                try connection.execute(Self.accountStanding, [.int8(account.value)]).first?.text(0)
            case .admin(let name): try connection.execute(Self.adminStanding, [.text(name)]).first?.text(0)
            }
        }
    }

    package func isRevoked(_ token: UUIDv7) async throws -> Bool {
        try await pool.withConnection { connection in
            try !connection.execute(Self.findRevoked, [.uuid(high: token.high, low: token.low)]).isEmpty
        }
    }

    /// Ends a token before its time, everywhere. Forgets those whose time has come anyway.
    package func revoke(_ token: UUIDv7, expiresAt: Timestamp) async throws {
        _ = try await pool.withConnection { connection in
            try connection.execute(
                Self.insertRevoked,
                [.uuid(high: token.high, low: token.low), .timestamptz(microseconds: expiresAt.microseconds)]
            ).affected
        }
    }

    // MARK: - Admins

    /// What an admin's password is verified against. Admins have no account: its number is 0.
    package func credential(ofAdmin name: String) async throws -> AccountStore.Credential? {
        try await pool.withConnection { connection in
            guard let row = try connection.execute(Self.findAdmin, [.text(name.lowercased())]).first else { return nil }
            return AccountStore.Credential(
                account: AccountID(0), address: try row.text(0), verifier: Secret(try row.text(1)), isDisabled: false)
        }
    }

    package struct Admin: Sendable, Hashable {
        package let name: String
        package let createdAt: Timestamp
    }

    package static func isName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard (1...63).contains(bytes.count) else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return isAlphanumeric(bytes[0]) && bytes.allSatisfy { isAlphanumeric($0) || ".-_".utf8.contains($0) }
    }

    /// Adds the admin, or changes the password of one who is there (which ends all tokens of that admin).
    /// - Returns: whether it is a new one.
    package func setAdmin(_ name: String, verifier: Secret<String>) async throws -> Bool {
        try await pool.withConnection { connection in
            try connection.execute(Self.upsertAdmin, [.text(name), .text(verifier.reveal())]).first?.bool(0) ?? false
        }
    }

    package func admins() async throws -> [Admin] {
        try await pool.withConnection { connection in
            try connection.execute(Self.listAdmins).map {
                Admin(name: try $0.text(0), createdAt: Timestamp(microseconds: try $0.timestamp(1)))
            }
        }
    }

    /// - Returns: whether there was one.
    package func deleteAdmin(_ name: String) async throws -> Bool {
        try await pool.withConnection { try $0.execute(Self.removeAdmin, [.text(name)]).affected == 1 }
    }

    // MARK: - Statements

    private static let findKey = PreparedStatement("watch_find_key", "SELECT private_key FROM watch_key")

    private static let insertKey = PreparedStatement(
        "watch_insert_key", "INSERT INTO watch_key (private_key) VALUES ($1) ON CONFLICT DO NOTHING")

    /// The verifier holds a random salt, so a hash of it says nothing of the password.
    private static let accountStanding = PreparedStatement(
        "watch_account_standing",
        """
        SELECT left(encode(sha256(convert_to(scram, 'UTF8')), 'hex'), 16) FROM account
        WHERE account_id = $1 AND disabled_at IS NULL AND deleted_at IS NULL
        """)

    private static let adminStanding = PreparedStatement(
        "watch_admin_standing",
        "SELECT left(encode(sha256(convert_to(scram, 'UTF8')), 'hex'), 16) FROM watch_admin WHERE name = $1")

    private static let findRevoked = PreparedStatement(
        "watch_find_revoked", "SELECT 1 FROM watch_revoked WHERE token_id = $1")

    private static let insertRevoked = PreparedStatement(
        "watch_insert_revoked",
        """
        WITH old AS (DELETE FROM watch_revoked WHERE expires_at < now() - interval '1 hour')
        INSERT INTO watch_revoked (token_id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING
        """)

    private static let findAdmin = PreparedStatement(
        "watch_find_admin", "SELECT name, scram FROM watch_admin WHERE name = $1")

    private static let upsertAdmin = PreparedStatement(
        "watch_upsert_admin",
        """
        INSERT INTO watch_admin (name, scram) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET scram = excluded.scram
        RETURNING xmax = 0
        """)

    private static let listAdmins = PreparedStatement(
        "watch_list_admins", "SELECT name, created_at FROM watch_admin ORDER BY name")

    private static let removeAdmin = PreparedStatement(
        "watch_remove_admin", "DELETE FROM watch_admin WHERE name = $1")
}
