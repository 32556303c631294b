package import DKIM
package import DNSResolver

/// A DNS record that a domain needs for its mail.
package struct PlannedRecord: Sendable, Hashable, Encodable {
    package enum Purpose: String, Sendable, Encodable {
        case host, mx, spf, heloSPF, dkim, dmarc, reverse
    }

    package let purpose: Purpose
    /// Without the final dot.
    package let name: String
    package let type: String
    /// The value as most web forms want it: a TXT as one text.
    package let value: String

    /// A line for a zone file; a TXT in strings of at most 255 octets (RFC 1035 3.3).
    package var zoneLine: String {
        guard type == "TXT" else { return "\(name). \(type) \(value)" }
        var strings: [String] = []
        var rest = value.utf8[...]
        while !rest.isEmpty {
            strings.append("\"" + String(decoding: rest.prefix(255), as: UTF8.self) + "\"")
            rest = rest.dropFirst(255)
        }
        return "\(name). TXT " + strings.joined(separator: " ")
    }
}

/// What should be in the DNS for a domain whose mail this server takes and sends.
package struct DomainPlan: Sendable {
    package struct Key: Sendable {
        package let selector: String
        package let algorithm: DKIMAlgorithm
        package let publicKey: [UInt8]
        /// Waits for its record before it signs.
        package let isWaiting: Bool

        package init(selector: String, algorithm: DKIMAlgorithm, publicKey: [UInt8], isWaiting: Bool) {
            self.selector = selector
            self.algorithm = algorithm
            self.publicKey = publicKey
            self.isWaiting = isWaiting
        }

        package func recordName(in domain: String) -> String { "\(selector)._domainkey.\(domain)" }
        package var text: String { DKIMKeyRecord.text(algorithm, publicKey: publicKey) }

        package func record(in domain: String) -> PlannedRecord {
            PlannedRecord(purpose: .dkim, name: recordName(in: domain), type: "TXT", value: text)
        }
    }

    package let domain: String
    /// The name of this server: what the MX names, what it says in EHLO, what its address leads back to.
    package let host: String
    /// Its addresses in the world, as far as they are known.
    package let addresses: [IPAddress]
    package let keys: [Key]

    package init(domain: String, host: String, addresses: [IPAddress] = [], keys: [Key]) {
        self.domain = domain
        self.host = host
        self.addresses = addresses
        self.keys = keys
    }

    /// This server alone sends for the domain (RFC 7208 5.4: the hosts of its MX).
    static let spf = "v=spf1 mx -all"
    /// RFC 7489 6.3: to begin with, only reports; `p=quarantine` when they show nothing unexpected.
    var dmarc: String { "v=DMARC1; p=none; rua=mailto:postmaster@\(domain)" }

    package var records: [PlannedRecord] {
        var records: [PlannedRecord] = []
        if addresses.isEmpty {
            records.append(PlannedRecord(purpose: .host, name: host, type: "A", value: "<address of this server>"))
        }
        for address in addresses {
            records.append(
                PlannedRecord(
                    purpose: .host, name: host, type: address.isIPv4 ? "A" : "AAAA", value: address.description))
        }
        records.append(PlannedRecord(purpose: .mx, name: domain, type: "MX", value: "10 \(host)."))
        records.append(PlannedRecord(purpose: .spf, name: domain, type: "TXT", value: Self.spf))
        if host != domain {
            records.append(PlannedRecord(purpose: .heloSPF, name: host, type: "TXT", value: "v=spf1 a -all"))
        }
        records += keys.map { $0.record(in: domain) }
        records.append(PlannedRecord(purpose: .dmarc, name: "_dmarc.\(domain)", type: "TXT", value: dmarc))
        let reverse = addresses.isEmpty ? ["<reverse name of that address>"] : addresses.map(DNSResolver.reverseName)
        records += reverse.map { PlannedRecord(purpose: .reverse, name: $0, type: "PTR", value: "\(host).") }
        return records
    }

    /// The records as lines of a zone file, each group with a word on what it is for.
    package var humanText: String {
        var lines: [String] = []
        var last: PlannedRecord.Purpose?
        for record in records {
            if record.purpose != last { lines.append("; " + Self.explanation(record.purpose)) }
            last = record.purpose
            lines.append(record.zoneLine)
        }
        return lines.joined(separator: "\n")
    }

    private static func explanation(_ purpose: PlannedRecord.Purpose) -> String {
        switch purpose {
        case .host: "the server's address"
        case .mx: "where mail for the domain goes"
        case .spf: "who may send for the domain (SPF)"
        case .heloSPF: "who may call itself by the server's name (SPF)"
        case .dkim: "the keys that mail is signed with (DKIM)"
        case .dmarc: "what others do with mail that fails both (DMARC), and where they report"
        case .reverse: "the address leads back to the name; set it where the address comes from (the hoster)"
        }
    }
}
