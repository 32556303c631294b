import DNSResolver

extension DomainCheck {
    /// Whether the record lets this server send.
    func checkSPF() async -> [Finding] {
        let domain = plan.domain
        let records: [String]
        do throws(DNSError) {
            records = try await resolver.texts(domain).values.map { String(decoding: $0, as: UTF8.self) }
                .filter(SPFRecord.isRecord)
        } catch {
            guard !error.isTemporary else { return [unanswered("spf", domain, error)] }
            return [missingSPF()]
        }
        guard let text = records.first else { return [missingSPF()] }
        let shown = Self.shown(text)
        guard records.count == 1 else {
            return [
                Finding(
                    "spf", domain, .problem, "there are \(records.count) records beginning with v=spf1",
                    why: "RFC 7208 4.5: that is an error, and none of them counts.", advice: "Join them into one.")
            ]
        }
        var findings: [Finding] = []
        for address in await serverAddresses() where address.isPublic || !plan.addresses.isEmpty {
            var evaluation = SPFEvaluation(resolver: resolver, address: address)
            findings.append(judge(await evaluation.evaluate(domain), address, shown))
        }
        // Only private addresses, or none: the record itself can be judged.
        if findings.isEmpty { findings.append(Finding("spf", domain, .ok, shown)) }
        if text.lowercased().split(separator: " ").contains(where: { $0 == "+all" || $0 == "all" }) {
            findings.append(
                Finding(
                    "spf", domain, .problem, "\(shown) ends with +all",
                    why: "It lets every machine of the Internet send in the domain's name.", advice: line(.spf)))
        }
        return findings
    }

    private func missingSPF() -> Finding {
        Finding(
            "spf", plan.domain, .problem, "there is no record",
            why: "Others can't tell this server from one that forges the domain; many refuse its mail.",
            advice: line(.spf))
    }

    private func judge(_ outcome: SPFEvaluation.Outcome, _ address: IPAddress, _ shown: String) -> Finding {
        let domain = plan.domain
        let forbidden = "Mail that leaves from \(address) counts as forged."
        switch outcome {
        case .pass: return Finding("spf", domain, .ok, "\(shown) lets \(address) send")
        case .fail, .softFail:
            return Finding(
                "spf", domain, .problem, "\(shown) forbids \(address) to send", why: forbidden,
                advice: "Add mx or \(address.isIPv4 ? "ip4" : "ip6"):\(address) before its end, or " + line(.spf))
        case .neutral:
            return Finding(
                "spf", domain, .warning, "\(shown) says nothing about \(address)",
                why: "SPF neither helps nor protects.", advice: line(.spf))
        case .error(let reason):
            return Finding(
                "spf", domain, .problem, "\(shown): \(Self.shown(reason))",
                why: "RFC 7208 4.6: a record with an error does not count.", advice: line(.spf))
        case .unknown(let reason):
            return Finding("spf", domain, .unknown, "\(shown): \(Self.shown(reason))")
        }
    }
}

/// `check_host` of RFC 7208 4 for one address, as far as a domain's owner needs it: macros are not expanded.
struct SPFEvaluation: Sendable {
    enum Outcome: Sendable, Equatable {
        case pass, fail, softFail, neutral
        case error(String)
        case unknown(String)
    }

    /// RFC 7208 4.6.4.
    private static let maximumLookups = 10

    private let resolver: DNSResolver
    private let address: IPAddress
    private var lookups = 0

    init(resolver: DNSResolver, address: IPAddress) {
        self.resolver = resolver
        self.address = address
    }

    /// The depth is bounded by the lookups, which every include and redirect counts as one.
    mutating func evaluate(_ domain: String) async -> Outcome {
        let records: [String]
        do throws(DNSError) {
            records = try await resolver.texts(domain).values.map { String(decoding: $0, as: UTF8.self) }
                .filter(SPFRecord.isRecord)
        } catch {
            return error.isTemporary ? .unknown("\(domain) did not answer") : .error("\(domain) has no SPF record")
        }
        guard records.count == 1, let text = records.first else {
            return .error("\(domain) has \(records.count) SPF records")
        }
        do throws(SPFRecord.SyntaxError) {
            return await evaluate(try SPFRecord(text), of: domain)
        } catch {
            return .error("'\(error.term)' is no mechanism")
        }
    }

    private mutating func evaluate(_ record: SPFRecord, of domain: String) async -> Outcome {
        for term in record.terms {
            switch await matches(term, domain) {
            case .pass:
                return switch term.qualifier {
                case .pass: .pass
                case .fail: .fail
                case .softFail: .softFail
                case .neutral: .neutral
                }
            case .fail, .softFail, .neutral: continue
            case let end: return end
            }
        }
        guard let redirect = record.redirect else { return .neutral }
        guard countLookup() else { return .error("it takes more than \(Self.maximumLookups) lookups") }
        guard !redirect.contains("%") else { return .unknown("macros are not followed here") }
        return await evaluate(redirect)
    }

    private mutating func countLookup() -> Bool {
        lookups += 1
        return lookups <= Self.maximumLookups
    }

    /// `.pass` when the term matches, `.fail` when it does not.
    private mutating func matches(_ term: SPFRecord.Term, _ domain: String) async -> Outcome {
        let target = term.value.isEmpty ? domain : term.value
        if term.name == "all" { return .pass }
        if term.name == "ip4" || term.name == "ip6" {
            guard let network = IPNetwork(term.value) else { return .error("'\(term.value)' is no network") }
            return network.contains(address) ? .pass : .fail
        }
        guard countLookup() else { return .error("it takes more than \(Self.maximumLookups) lookups") }
        guard !target.contains("%") else { return .unknown("macros are not followed here") }
        do throws(DNSError) {
            switch term.name {
            case "a": return contains(try await resolver.addresses(target).values, term) ? .pass : .fail
            case "mx":
                for exchange in try await resolver.mailExchanges(target).values.prefix(10) where !exchange.isNull {
                    // RFC 7208 5.4: an exchange without addresses matches nothing.
                    let addresses = (try? await resolver.addresses(exchange.exchange).values) ?? []
                    if contains(addresses, term) { return .pass }
                }
                return .fail
            case "exists": return try await resolver.addresses(target).values.isEmpty ? .fail : .pass
            case "include": return await evaluate(target)
            default: return .unknown("'\(term.name)' is not followed here (RFC 7208 5.5 advises against it)")
            }
        } catch {
            return error.isTemporary ? .unknown("\(target) did not answer") : .fail
        }
    }

    private func contains(_ addresses: [IPAddress], _ term: SPFRecord.Term) -> Bool {
        addresses.contains { found in
            guard found.isIPv4 == address.isIPv4 else { return false }
            let prefix = (found.isIPv4 ? term.prefix4 : term.prefix6) ?? found.bytes.count * 8
            return IPNetwork("\(found)/\(prefix)")?.contains(address) ?? false
        }
    }
}
