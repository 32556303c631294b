package import MailCore
package import PostgreSQL
import Synchronization

/// Domains, accounts and aliases: who is local, and who may log in.
package struct AccountStore: Sendable {
    let pool: PostgresPool
    private let recent = RecentResolutions()

    package init(pool: PostgresPool) { self.pool = pool }

    // MARK: - Recipients

    package struct LocalRecipient: Sendable, Hashable {
        package let account: AccountID
        /// The account's own address.
        package let address: String

        package init(account: AccountID, address: String) {
            self.account = account
            self.address = address
        }
    }

    package enum Resolution: Sendable, Hashable {
        /// One entry per account, aliases expanded.
        case local([LocalRecipient])
        /// An alias of ours with targets elsewhere; there may be local ones as well.
        case forwarded([LocalRecipient], targets: [String])
        /// The domain is ours and nobody there has this address.
        case unknown
        /// The domain is not ours.
        case foreign
    }

    package static let maximumAliasLevels = 10
    package static let maximumAliasTargets = 1000

    /// Expands a recipient as given at RCPT: aliases over at most 10 levels to at most 1,000 targets, without doubles.
    ///
    /// At each step the whole address goes before the one without its tag, and an alias before an account; an alias
    /// that names itself keeps its own copy. Loops end because no address is expanded twice.
    package nonisolated(nonsending) func resolve(_ recipient: String) async throws -> Resolution {
        guard let address = LocalAddress(recipient) else { return .unknown }
        if let known = recent.find(address.full) { return .local(known) }
        let resolution = try await pool.withConnection { try Self.expand(address, on: $0) }
        // Whoever forwards elsewhere is asked for each time: such mail is rare, and its targets are no accounts.
        if case .local(let recipients) = resolution { recent.remember(recipients, for: address.full) }
        return resolution
    }

    /// Whether mail from this address may be submitted by the account: its own address or an alias that reaches it.
    package func mayUse(_ sender: String, account: AccountID) async throws -> Bool {
        guard case .local(let recipients) = try await resolve(sender) else { return false }
        return recipients.contains { $0.account == account }
    }

    static func expand(_ address: LocalAddress, on connection: isolated PostgresConnection) throws -> Resolution {
        var level = [address]
        var seen: Set<String> = [address.full]
        var found: [LocalRecipient] = []
        var accounts: Set<AccountID> = []
        var foreign: [String] = []
        /// Targets as they were written: what a local part elsewhere means, its host decides (RFC 5321 2.4).
        var written: [String: String] = [:]
        for depth in 0...maximumAliasLevels where !level.isEmpty {
            let rows = try connection.execute(
                lookUp,
                [.textArray(level.map(\.full)), .textArray(level.map(\.base)), .textArray(level.map(\.domain))])
            var next: [LocalAddress] = []
            for row in rows {
                let answer = try Answer(row)
                if !answer.isLocalDomain {
                    if depth == 0 { return .foreign }
                    foreign.append(written[answer.address] ?? answer.address)
                    continue
                }
                if let account = answer.account, accounts.insert(account.account).inserted { found.append(account) }
                for text in answer.targets {
                    guard let target = LocalAddress(text), seen.insert(target.full).inserted else { continue }
                    written[target.full] = text
                    next.append(target)
                }
            }
            guard seen.count <= maximumAliasTargets + 1 else { return .unknown }
            // RFC 5321 3.9, 6.3: a chain this long is a mistake, not a list.
            if depth == maximumAliasLevels, !next.isEmpty { return .unknown }
            level = next
        }
        if !foreign.isEmpty { return .forwarded(found, targets: foreign) }
        return found.isEmpty ? .unknown : .local(found)
    }

    /// One row of `lookUp`: where one address leads.
    private struct Answer {
        let isLocalDomain: Bool
        let address: String
        var targets: [String] = []
        var account: LocalRecipient?

        init(_ row: PostgresRow) throws {
            isLocalDomain = try row.bool(0)
            let (full, base) = (try row.text(1), try row.text(2))
            address = full
            let fullTargets = try row.textArray(3)
            let fullAccount = try row.optionalInt8(4).map { LocalRecipient(account: AccountID($0), address: full) }
            let baseTargets = try row.textArray(5)
            let baseAccount = try row.optionalInt8(6).map { LocalRecipient(account: AccountID($0), address: base) }
            if !fullTargets.isEmpty {
                targets = fullTargets
                if targets.contains(full) { account = fullAccount }
            } else if let fullAccount {
                account = fullAccount
            } else if !baseTargets.isEmpty {
                targets = baseTargets
                if targets.contains(base) { account = baseAccount }
            } else {
                account = baseAccount
            }
        }
    }

    // MARK: - Login

    package struct Credential: Sendable {
        package let account: AccountID
        package let address: String
        /// RFC 5803.
        package let verifier: Secret<String>
        package let isDisabled: Bool
    }

    /// What a password for this address is verified against; a tag is not a part of a login name.
    package func credential(for address: String) async throws -> Credential? {
        guard let address = LocalAddress(address) else { return nil }
        return try await pool.withConnection { connection in
            guard let row = try connection.execute(Self.findCredential, [.text(address.full)]).first else { return nil }
            return Credential(
                account: AccountID(try row.int8(0)), address: try row.text(1), verifier: Secret(try row.text(2)),
                isDisabled: try row.bool(3))
        }
    }

    // MARK: - Statements

    private static let lookUp = PreparedStatement(
        "account_look_up",
        """
        SELECT EXISTS (SELECT FROM domain d WHERE d.name = q.domain), q.address, q.base,
            ARRAY(SELECT a.target FROM alias a WHERE a.address = q.address),
            (SELECT account_id FROM account a WHERE a.address = q.address AND disabled_at IS NULL AND deleted_at IS NULL),
            ARRAY(SELECT a.target FROM alias a WHERE a.address = q.base),
            (SELECT account_id FROM account a WHERE a.address = q.base AND disabled_at IS NULL AND deleted_at IS NULL)
        FROM unnest($1::text[], $2::text[], $3::text[]) AS q(address, base, domain)
        """)

    private static let findCredential = PreparedStatement(
        "account_credential",
        """
        SELECT account_id, address, scram, disabled_at IS NOT NULL FROM account
        WHERE address = $1 AND deleted_at IS NULL
        """)
}

/// Remembers for a few seconds who was local, so that a busy server does not ask for the same recipients thousands of
/// times a second. An unknown address is asked for each time: a new account exists at once.
private final class RecentResolutions: Sendable {
    private static let lifetime = Duration.seconds(3)
    private static let capacity = 10_000

    private struct Entry {
        let recipients: [AccountStore.LocalRecipient]
        let until: ContinuousClock.Instant
    }

    private let entries = Mutex<[String: Entry]>([:])

    func find(_ address: String) -> [AccountStore.LocalRecipient]? {
        entries.withLock { entries in
            guard let entry = entries[address], entry.until > .now else { return nil }
            return entry.recipients
        }
    }

    func remember(_ recipients: [AccountStore.LocalRecipient], for address: String) {
        entries.withLock { entries in
            if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
            entries[address] = Entry(recipients: recipients, until: .now + Self.lifetime)
        }
    }
}
