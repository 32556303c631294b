import DNSResolver

extension DomainCheck {
    /// RFC 1912 2.1: an address leads to a name, and that name back to the address. Many hosts take no mail from
    /// one that does not.
    func checkReverse() async -> [Finding] {
        var findings: [Finding] = []
        for address in await serverAddresses() { findings.append(await check(address)) }
        return findings
    }

    private func check(_ address: IPAddress) async -> Finding {
        let subject = address.description
        guard address.isPublic else {
            return Finding(
                "reverse", subject, .note, "not an address of the Internet: its reverse name does not matter")
        }
        let advice =
            "Where the address comes from (the hoster's panel, the provider), set its reverse name to \(plan.host)"
        let why = "Large providers refuse mail from an address that does not lead to the sending host's name and back."
        let names: [String]
        do throws(DNSError) {
            names = try await resolver.names(of: address).values
        } catch {
            if error.isTemporary { return unanswered("reverse", subject, error) }
            return Finding("reverse", subject, .problem, "has no reverse name", why: why, advice: advice)
        }
        let list = names.map(Self.shown).joined(separator: ", ")
        guard names.contains(plan.host) else {
            return Finding("reverse", subject, .problem, "leads to \(list), not \(plan.host)", why: why, advice: advice)
        }
        do throws(DNSError) {
            guard try await resolver.addresses(plan.host).values.contains(address) else {
                return Finding(
                    "reverse", subject, .problem, "leads to \(plan.host), which does not lead back", why: why,
                    advice: line(.host))
            }
        } catch {
            if error.isTemporary { return unanswered("reverse", plan.host, error) }
        }
        return Finding("reverse", subject, .ok, list)
    }
}
