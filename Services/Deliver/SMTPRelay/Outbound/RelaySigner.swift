package import DKIM
package import Logging
package import MailCore
import MailWire
import MessageGrammar
import RSASigning
import ServiceKit
package import Storage
import Synchronization

/// Signs what leaves (RFC 6376): with the key of the domain in From, and only when that From is the submitter's own, so
/// that nobody gets a signature under another one's name. Mail of strangers that is passed on stays as it is.
package final class RelaySigner: Sendable {
    /// How long keys are used before they are read again: after `martlet domain key activate` old ones sign this long.
    package static let keyLifetime = Duration.seconds(300)
    private static let capacity = 10_000

    private struct Entry: Sendable {
        let signers: [DKIMSigner]
        let until: ContinuousClock.Instant
    }

    private let keys: DomainKeyStore
    private let accounts: AccountStore
    private let logger: Logger
    private let known = Mutex<[String: Entry]>([:])

    package init(keys: DomainKeyStore, accounts: AccountStore, logger: Logger) {
        self.keys = keys
        self.accounts = accounts
        self.logger = logger
    }

    /// - Parameters:
    ///   - message: has read the whole mail.
    ///   - time: of `t=`.
    /// - Returns: DKIM-Signature fields with their CRLFs; empty when the mail goes out unsigned.
    /// - Throws: when the database does not answer: try again later.
    package func signature(
        origin: MailOrigin, submitter: AccountID?, message: DKIMMessageHash, at time: Timestamp
    ) async throws -> [UInt8] {
        var message = message
        let header: DKIMHeader
        let bodyHash: [UInt8]
        do throws(DKIMError) {
            (header, bodyHash) = try message.finish()
        } catch {
            return unsigned("\(error)")
        }
        guard let author = Self.author(header) else { return unsigned("no single author") }
        // d= is ASCII; a domain in UTF-8 would need its A-label (RFC 8616 5).
        guard author.domain.utf8.allSatisfy({ $0 < 0x80 }) else { return unsigned("internationalized domain") }
        let signers = try await signers(of: author.domain)
        guard !signers.isEmpty else { return unsigned("no key for the domain") }
        guard try await mayWrite(header, author, origin, submitter) else { return unsigned("not the submitter's own") }
        var fields: [UInt8] = []
        for signer in signers {
            do throws(DKIMError) {
                fields += try signer.sign(header: header, bodyHash: bodyHash, at: time.seconds)
            } catch {
                return unsigned("\(error)")
            }
        }
        RelayMetrics.signed.increment()
        return fields
    }

    private func unsigned(_ reason: String) -> [UInt8] {
        RelayMetrics.unsigned.increment()
        logger.debug("mail goes out unsigned", metadata: [LogKey.reason: "\(reason)"])
        return []
    }

    // MARK: - Whose mail it is

    /// The one address of the one From field; `nil` when there are more or none (RFC 5322 3.6.2), or when somebody else
    /// may see another one.
    static func author(_ header: DKIMHeader) -> LocalAddress? {
        let fields = header.values("from")
        guard fields.count == 1, let field = fields.first, hasOneReading(field) else { return nil }
        let addresses = AddressList.parse(field)
        guard addresses.count == 1 else { return nil }
        return addresses.first.flatMap(local)
    }

    /// Quoted strings and comments apart, all is `words <address>` or `address`, with one `@` in the whole.
    private static func hasOneReading(_ field: [UInt8]) -> Bool {
        guard let text = withoutQuotesAndComments(field) else { return false }
        var address = text[...]
        if let open = text.firstIndex(of: UInt8(ascii: "<")) {
            let end = text.lastIndex { !$0.isFoldingWhiteSpace } ?? open
            guard text[end] == UInt8(ascii: ">") else { return false }
            address = text[(open + 1)..<max(open + 1, end)]
        }
        let words = address.split(whereSeparator: \.isFoldingWhiteSpace)
        let brackets = [UInt8(ascii: "<"), UInt8(ascii: ">")]
        return words.count == 1 && !address.contains { brackets.contains($0) }
            && text.count { $0 == UInt8(ascii: "@") } == 1 && address.contains(UInt8(ascii: "@"))
    }

    /// A quoted string becomes a letter, a comment a space (RFC 5322 3.2.2, 3.2.4); `nil` when one has no end.
    private static func withoutQuotesAndComments(_ field: [UInt8]) -> [UInt8]? {
        var text: [UInt8] = []
        var depth = 0
        var isQuoted = false
        var bytes = field.makeIterator()
        while let byte = bytes.next() {
            switch byte {
            case UInt8(ascii: "\\") where isQuoted || depth > 0: _ = bytes.next()
            case UInt8(ascii: "\"") where depth == 0:
                isQuoted.toggle()
                if isQuoted { text.append(UInt8(ascii: "q")) }
            case UInt8(ascii: "(") where !isQuoted:
                depth += 1
                text.append(.space)
            case UInt8(ascii: ")") where !isQuoted && depth > 0: depth -= 1
            default: if !isQuoted, depth == 0 { text.append(byte) }
            }
        }
        return isQuoted || depth > 0 ? nil : text
    }

    private static func local(_ address: MailAddress) -> LocalAddress? {
        guard address.route == nil, let mailbox = address.mailbox, let host = address.host else { return nil }
        return LocalAddress(String(decoding: mailbox + [UInt8(ascii: "@")] + host, as: UTF8.self))
    }

    /// A notification is our own. A submission is signed when From, and each address of ours in Sender and the Resent
    /// fields, leads to the submitter.
    private func mayWrite(
        _ header: DKIMHeader, _ author: LocalAddress, _ origin: MailOrigin, _ submitter: AccountID?
    ) async throws -> Bool {
        switch origin {
        case .dsn: return true
        case .mx, .append, .forward: return false
        case .submission: break
        }
        guard let submitter, try await accounts.mayUse(author.full, account: submitter) else { return false }
        let others = header.values("sender") + header.values("resent-from") + header.values("resent-sender")
        let addresses = others.flatMap(AddressList.parse)
        guard addresses.count <= DKIMLimits.instances else { return false }
        for case let address? in addresses.map(Self.local) {
            if case .foreign = try await accounts.resolve(address.full) { continue }
            guard try await accounts.mayUse(address.full, account: submitter) else { return false }
        }
        return true
    }

    // MARK: - Keys

    private func signers(of domain: String) async throws -> [DKIMSigner] {
        let entry = known.withLock { $0[domain] }
        if let entry, entry.until > .now { return entry.signers }
        let signers = try await keys.signingKeys(for: domain).compactMap { key -> DKIMSigner? in
            guard let algorithm = DKIMAlgorithm(rawValue: key.algorithm) else { return nil }
            do throws(DKIMError) {
                return try signer(key, algorithm)
            } catch {
                logger.error("a signing key cannot be read", metadata: [LogKey.reason: "unusable_key"])
                return nil
            }
        }
        known.withLock { known in
            if known.count >= Self.capacity { known.removeAll() }
            known[domain] = Entry(signers: signers, until: .now + Self.keyLifetime)
        }
        return signers
    }

    private func signer(_ key: DomainKey, _ algorithm: DKIMAlgorithm) throws(DKIMError) -> DKIMSigner {
        switch algorithm {
        case .ed25519:
            let privateKey = try DKIMPrivateKey(algorithm, stored: key.privateKey)
            return DKIMSigner(domain: key.domain, selector: key.selector, key: privateKey)
        case .rsa:
            guard let rsa = RSASigningKey(der: key.privateKey.reveal()) else { throw .unusableKey }
            return DKIMSigner(domain: key.domain, selector: key.selector, algorithm: algorithm) {
                bytes throws(DKIMError) in
                guard let signature = rsa.signature(over: bytes) else { throw .signingFailed }
                return signature
            }
        }
    }
}
