import DNSResolver

/// Finds the hosts for a domain (RFC 5321 5.1): MX records by preference, equal ones in random order, the domain's own
/// addresses where it has none; never a host that leads to ourselves or into a network that is not public.
package enum MXRoute {
    /// Hosts beyond these are not tried in one attempt: a domain with 200 MX records would keep us busy for hours.
    private static let hostLimit = 10
    private static let addressLimit = 4

    package static func resolve(
        _ domain: String, resolver: some MXLookup, policy: AddressPolicy
    ) async -> MXRouteResult {
        var randomness = SystemRandomNumberGenerator()
        return await resolve(domain, resolver: resolver, policy: policy, using: &randomness)
    }

    package static func resolve(
        _ domain: String, resolver: some MXLookup, policy: AddressPolicy,
        using randomness: inout some RandomNumberGenerator
    ) async -> MXRouteResult {
        // Nobody's mail goes to a bare address: no name vouches for it (RFC 5321 4.1.3 allows it, few servers take it).
        guard !domain.hasPrefix("["), IPAddress(domain) == nil else {
            return .refused(status: "5.1.2", "Mail to an address literal is not relayed")
        }
        let exchanges: [MailExchange]
        do {
            exchanges = try await resolver.mailExchanges(domain).values
        } catch .noSuchRecord {
            // RFC 5321 5.1: the domain itself, as if by an MX record of preference 0.
            exchanges = [MailExchange(implicit: domain)]
        } catch {
            return error.isTemporary ? .temporary(error.reason) : .noSuchDomain
        }
        let named = exchanges.filter { !$0.isNull }
        guard !named.isEmpty else { return .nullMX }
        // RFC 5321 5.1: when one of the hosts is this one, only better ones may be tried, or mail goes in circles.
        let own = named.filter { policy.isOwnName($0.exchange) }.map { Int($0.preference) }.min()
        let better = named.filter { Int($0.preference) < own ?? .max }
        guard !better.isEmpty else { return Refusals.loop }
        return await hosts(shuffled(better, using: &randomness), resolver, policy)
    }

    /// Order of preference, random among equals (RFC 5321 5.1), each name once.
    private static func shuffled(
        _ exchanges: [MailExchange], using randomness: inout some RandomNumberGenerator
    ) -> [String] {
        let mixed = exchanges.shuffled(using: &randomness).enumerated()
        let ordered = mixed.sorted { ($0.element.preference, $0.offset) < ($1.element.preference, $1.offset) }
        var seen: Set<String> = []
        return ordered.map(\.element.exchange).filter { seen.insert($0).inserted }
    }

    // MARK: - Addresses

    private static func hosts(
        _ names: [String], _ resolver: some MXLookup, _ policy: AddressPolicy
    ) async -> MXRouteResult {
        let names = names.prefix(hostLimit)
        let found = await withTaskGroup(of: (Int, Result<[IPAddress], DNSError>).self) { group in
            for (index, name) in names.enumerated() {
                group.addTask { (index, await addresses(name, resolver)) }
            }
            var found = [Result<[IPAddress], DNSError>](repeating: .failure(.noSuchName), count: names.count)
            for await (index, outcome) in group { found[index] = outcome }
            return found
        }
        var hosts: [MXHost] = []
        var refusals = Refusals()
        for (name, outcome) in zip(names, found) {
            switch outcome {
            case .failure(let error): refusals.note(error)
            case .success(let addresses):
                var usable: [IPAddress] = []
                for address in addresses {
                    if let refusal = policy.refusal(of: address) {
                        refusals.note(refusal)
                    } else {
                        usable.append(address)
                    }
                }
                if !usable.isEmpty { hosts.append(MXHost(name: name, addresses: chosen(usable))) }
            }
        }
        return hosts.isEmpty ? refusals.verdict : .hosts(hosts)
    }

    /// The families by turns, so that the limit cuts off neither: with many IPv6 addresses a machine that has none
    /// itself would never try IPv4.
    private static func chosen(_ addresses: [IPAddress]) -> [IPAddress] {
        var turns: [Bool: Int] = [:]
        let ordered = addresses.enumerated().map { index, address in
            let turn = turns[address.isIPv4, default: 0]
            turns[address.isIPv4] = turn + 1
            return (turn: turn, index: index, address: address)
        }
        return ordered.sorted { ($0.turn, $0.index) < ($1.turn, $1.index) }.prefix(addressLimit).map(\.address)
    }

    /// An MX record names a host, never an address (RFC 5321 5.1); `localhost` is nobody's mail host (RFC 6761 6.3).
    private static func addresses(
        _ name: String, _ resolver: some MXLookup
    ) async -> Result<[IPAddress], DNSError> {
        guard IPAddress(name) == nil, name != "localhost", !name.hasSuffix(".localhost") else {
            return .failure(.malformedName)
        }
        do {
            return .success(try await resolver.addresses(name).values)
        } catch {
            return .failure(error)
        }
    }

    /// Why hosts were left out, and what that means when none is left.
    private struct Refusals {
        static let loop = MXRouteResult.refused(
            status: "5.4.6", "Routing loop: the domain's mail hosts lead back to this server")

        private var temporary: String?
        private var isOurs = false
        private var isNotPublic = false

        mutating func note(_ error: DNSError) {
            if error.isTemporary, temporary == nil { temporary = error.reason }
        }

        mutating func note(_ refusal: AddressPolicy.Refusal) {
            switch refusal {
            case .ourselves: isOurs = true
            case .notPublic: isNotPublic = true
            }
        }

        var verdict: MXRouteResult {
            if let temporary { return .temporary(temporary) }
            if isOurs { return Self.loop }
            if isNotPublic {
                return .refused(status: "5.4.6", "The domain's mail hosts have no address on the public Internet")
            }
            return .refused(status: "5.4.4", "The domain's mail hosts have no address")
        }
    }
}

extension MailExchange {
    fileprivate init(implicit domain: String) {
        self.init(preference: 0, exchange: (domain.hasSuffix(".") ? String(domain.dropLast()) : domain).lowercased())
    }
}

extension DNSError {
    fileprivate var reason: String {
        switch self {
        case .temporary(let reason): reason
        case .bogus(let reason): "DNSSEC signatures are wrong (\(reason))"
        case .noSuchName, .noSuchRecord, .malformedName: "no such name"
        }
    }
}
