import DNSResolver

extension DomainCheck {
    /// RFC 7489 6.6.3: the record of the domain itself, otherwise the one of a domain above it.
    func checkDMARC() async -> [Finding] {
        var name = plan.domain
        while true {
            do throws(DNSError) {
                let texts = try await resolver.texts("_dmarc.\(name)").values.map {
                    String(decoding: $0, as: UTF8.self)
                }
                let records = texts.filter { $0.hasPrefix("v=DMARC1") }
                if !records.isEmpty { return [judge(records, at: name)] }
            } catch {
                if error.isTemporary { return [unanswered("dmarc", "_dmarc.\(name)", error)] }
            }
            let parent = name.drop { $0 != "." }.dropFirst()
            guard parent.contains(".") else { break }
            name = String(parent)
        }
        return [
            Finding(
                "dmarc", "_dmarc.\(plan.domain)", .problem, "there is no record",
                why:
                    "Anybody can write in the domain's name, and large providers want a policy before they take mail.",
                advice: line(.dmarc))
        ]
    }

    private func judge(_ records: [String], at name: String) -> Finding {
        let subject = "_dmarc.\(name)"
        guard records.count == 1, let record = records.first else {
            return Finding(
                "dmarc", subject, .problem, "there are \(records.count) records",
                why: "RFC 7489 6.6.3: then none of them counts.", advice: "Keep one.")
        }
        let shown = Self.shown(record)
        let tags = Dictionary(
            record.split(separator: ";").compactMap { tag -> (String, String)? in
                let parts = tag.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " && $0 != "\t" } }
                return parts.count == 2 ? (parts[0], parts[1]) : nil
            }
        ) { first, _ in first }
        let policy = name == plan.domain ? tags["p"] : tags["sp"] ?? tags["p"]
        switch policy?.lowercased() {
        case "reject"?, "quarantine"?: return Finding("dmarc", subject, .ok, shown)
        case "none"?:
            return Finding(
                "dmarc", subject, .note, shown,
                why: "Others only report; mail that forges the domain is still delivered.",
                advice: "When the reports show nothing unexpected, raise it to p=quarantine.")
        case nil:
            return Finding(
                "dmarc", subject, .problem, "\(shown) has no p=", why: "The record does not count (RFC 7489 6.3).",
                advice: line(.dmarc))
        case let other?:
            return Finding(
                "dmarc", subject, .problem, "p=\(Self.shown(other)) is no policy", why: "The record does not count.",
                advice: line(.dmarc))
        }
    }
}
