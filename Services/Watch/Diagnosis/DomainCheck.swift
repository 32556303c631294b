import DKIM
package import DNSResolver

/// Compares the DNS with the plan and says what is wrong and what to do.
package struct DomainCheck: Sendable {
    let plan: DomainPlan
    let resolver: DNSResolver

    package init(plan: DomainPlan, resolver: DNSResolver) {
        self.plan = plan
        self.resolver = resolver
    }

    /// In the order of the plan. The resolver must run.
    package func run() async -> [Finding] {
        guard plan.domain.utf8.allSatisfy({ $0 < 0x80 }), plan.host.utf8.allSatisfy({ $0 < 0x80 }) else {
            return [
                Finding(
                    "domain", plan.domain, .unknown, "has letters beyond ASCII",
                    why: "In the DNS it is written as its A-label (xn--...), and its mail goes out unsigned.",
                    advice: "Add the domain in its A-label form, and have that checked.")
            ]
        }
        async let host = checkHost()
        async let exchanges = checkMailExchanges()
        async let sender = checkSPF()
        async let keys = checkKeys()
        async let policy = checkDMARC()
        async let reverse = checkReverse()
        return await host + exchanges + sender + keys + policy + reverse
    }

    /// The addresses that mail leaves from: those given, otherwise those of the host's name.
    func serverAddresses() async -> [IPAddress] {
        if !plan.addresses.isEmpty { return plan.addresses }
        // A name without addresses is a finding of `checkHost`.
        return (try? await resolver.addresses(plan.host).values) ?? []
    }

    func line(_ purpose: PlannedRecord.Purpose, name: String? = nil) -> String {
        let records = plan.records.filter { $0.purpose == purpose && (name == nil || $0.name == name) }
        return "publish: " + records.map(\.zoneLine).joined(separator: "\n         ")
    }

    /// What an answer that did not come means.
    func unanswered(_ check: String, _ subject: String, _ error: DNSError) -> Finding {
        if case .bogus(let reason) = error {
            return Finding(
                check, subject, .problem, "the answer's DNSSEC signature is wrong: \(Self.shown(reason))",
                why: "Hosts that validate see nothing at all: they can't send mail here, and refuse mail from here.",
                advice: "Have the zone signed again, or take its DS record out of the parent zone.")
        }
        return Finding(
            check, subject, .unknown, "the DNS did not answer (\(error))",
            advice: "Ask again in a minute; `martlet doctor` shows whether the resolver works at all.")
    }

    /// Text from the DNS as it may be shown.
    static func shown(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(300).map { $0.value < 32 || (127...159).contains($0.value) ? "?" : $0 }))
    }

    static func shown(_ bytes: [UInt8]) -> String { shown(String(decoding: bytes, as: UTF8.self)) }

    // MARK: - The host

    private func checkHost() async -> [Finding] {
        let host = plan.host
        do throws(DNSError) {
            let found = try await resolver.addresses(host).values
            let list = found.map(\.description).joined(separator: ", ")
            let missing = plan.addresses.filter { !found.contains($0) }
            guard missing.isEmpty else {
                return [
                    Finding(
                        "host", host, .problem,
                        "has \(list), not \(missing.map(\.description).joined(separator: ", "))",
                        why: "Mail would be sent to another machine.", advice: line(.host))
                ]
            }
            let hidden = found.filter { !$0.isPublic }
            guard hidden.isEmpty else {
                return [
                    Finding(
                        "host", host, .warning, "has \(list)",
                        why: "\(hidden.map(\.description).joined(separator: ", ")) can't be reached from the Internet.",
                        advice: "Give the name the address under which the world reaches this server.")
                ]
            }
            return [Finding("host", host, .ok, list)]
        } catch {
            guard !error.isTemporary else { return [unanswered("host", host, error)] }
            return [
                Finding(
                    "host", host, .problem, "has no address", why: "No host can connect to it: no mail comes in.",
                    advice: line(.host) + "\nOr name the server as the world knows it: --host NAME, smtp.hostname.")
            ]
        }
    }

    // MARK: - MX

    private func checkMailExchanges() async -> [Finding] {
        let domain = plan.domain
        do throws(DNSError) {
            let exchanges = try await resolver.mailExchanges(domain).values
            let list = exchanges.map { "\($0.preference) \($0.isNull ? "." : $0.exchange)" }.joined(separator: ", ")
            if exchanges.contains(where: \.isNull) {
                return [
                    Finding(
                        "mx", domain, .problem, "\(list): the domain says that it takes no mail (RFC 7505)",
                        why: "Nobody sends mail to it.", advice: "Remove that record and " + line(.mx))
                ]
            }
            guard exchanges.contains(where: { $0.exchange == plan.host }) else {
                return [
                    Finding(
                        "mx", domain, .problem, "\(list), not \(plan.host)", why: "Its mail goes to other hosts.",
                        advice: line(.mx) + "\nOr name this server as that record does: --host NAME, smtp.hostname.")
                ]
            }
            let best = exchanges.first?.preference ?? 0
            guard exchanges.contains(where: { $0.exchange == plan.host && $0.preference == best }) else {
                return [
                    Finding(
                        "mx", domain, .note, list,
                        why: "Others are preferred; this server is the spare one and gets mail only while they fail.")
                ]
            }
            return [Finding("mx", domain, .ok, list)]
        } catch {
            guard !error.isTemporary else { return [unanswered("mx", domain, error)] }
            let isThere = error == .noSuchRecord
            return [
                Finding(
                    "mx", domain, .problem, isThere ? "has no MX record" : "the domain does not exist in the DNS",
                    why: isThere
                        ? "Mail goes to the domain's own address, if it has one (RFC 5321 5.1), and not here."
                        : "Nobody can send mail to it, and mail from it is refused.",
                    advice: isThere
                        ? line(.mx) : "Register the domain and delegate it to name servers; then " + line(.mx))
            ]
        }
    }
}
