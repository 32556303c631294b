import MailWire

/// The TXT record at `selector._domainkey.domain` (RFC 6376 3.6.1).
package struct DKIMKeyRecord: Sendable, Equatable {
    package enum Fault: Error, Equatable, Sendable {
        /// Not a list of `tag=value` (RFC 6376 3.2), a tag twice, or too long.
        case malformed
        /// `v=` is there and not `DKIM1`, or not first.
        case otherVersion
        /// There is no `p=`.
        case noKey
        /// `p=` is not base64.
        case unreadableKey
    }

    /// `k=`; RSA when it is not there.
    package let keyType: String
    /// Empty: the key was revoked (RFC 6376 3.6.1).
    package let publicKey: [UInt8]
    /// `t=y`: the domain says it is only testing.
    package let isTesting: Bool
    /// `h=`: the hashes it may be used with; empty is any.
    package let hashes: [String]
    /// `s=`: `*` or a list that must have `email`.
    package let services: [String]

    package var isRevoked: Bool { publicKey.isEmpty }

    /// The record to publish for a key.
    package static func text(_ algorithm: DKIMAlgorithm, publicKey: [UInt8]) -> String {
        "v=DKIM1; k=\(algorithm.keyType); p=\(String(decoding: Base64.encode(publicKey), as: UTF8.self))"
    }

    package init(_ text: [UInt8]) throws(Fault) {
        guard text.count <= DKIMLimits.keyRecord else { throw .malformed }
        let tags = try Self.tags(text)
        if let version = tags.firstIndex(where: { $0.name == "v" }) {
            guard version == 0, tags[0].value == "DKIM1" else { throw .otherVersion }
        }
        func value(_ name: String) -> String? { tags.first { $0.name == name }?.value }
        func list(_ name: String) -> [String] { value(name).map { $0.split(separator: ":").map(Self.trimmed) } ?? [] }
        guard let key = value("p") else { throw .noKey }
        guard let bytes = Base64.decodeStrict(key.utf8.filter { !$0.isFoldingWhiteSpace }) else { throw .unreadableKey }
        keyType = value("k") ?? "rsa"
        publicKey = bytes
        isTesting = list("t").contains("y")
        hashes = list("h")
        services = list("s")
    }

    /// RFC 6376 3.2: `tag=value` between semicolons, white space around each part; a tag occurs once.
    private static func tags(_ text: [UInt8]) throws(Fault) -> [(name: String, value: String)] {
        var tags: [(name: String, value: String)] = []
        let parts = text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            let part = ASCII.trimmed(part)
            if part.isEmpty, index == parts.count - 1 { continue }
            guard tags.count < DKIMLimits.tags, let equals = part.firstIndex(of: UInt8(ascii: "=")) else {
                throw .malformed
            }
            let name = ASCII.trimmed(part[..<equals])
            let value = ASCII.trimmed(part[(equals + 1)...])
            guard name.first?.isASCIILetter ?? false,
                name.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "_") }),
                value.allSatisfy({ $0 < 0x7F && ($0 > 0x20 || $0.isFoldingWhiteSpace) })
            else { throw .malformed }
            let text = String(decoding: name, as: UTF8.self)
            guard !tags.contains(where: { $0.name == text }) else { throw .malformed }
            tags.append((text, String(decoding: value, as: UTF8.self)))
        }
        return tags
    }

    private static func trimmed(_ text: Substring) -> String {
        String(decoding: ASCII.trimmed(Array(text.utf8)), as: UTF8.self)
    }
}
