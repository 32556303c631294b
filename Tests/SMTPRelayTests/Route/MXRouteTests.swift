import DNSResolver
import SMTPRelay
import Testing

/// A name system of a few records.
private struct Table: MXLookup {
    var exchanges: [String: Result<[MailExchange], DNSError>] = [:]
    var hosts: [String: Result<[String], DNSError>] = [:]

    init(mx: [(UInt16, String)], hosts: [String: String] = [:]) {
        exchanges["remote.test"] = .success(mx.map { MailExchange(preference: $0.0, exchange: $0.1) })
        self.hosts = hosts.mapValues { .success([$0]) }
    }

    init(mx: DNSError, hosts: [String: String] = [:]) {
        exchanges["remote.test"] = .failure(mx)
        self.hosts = hosts.mapValues { .success([$0]) }
    }

    func mailExchanges(_ domain: String) async throws(DNSError) -> DNSAnswer<MailExchange> {
        let values = try (exchanges[domain] ?? .failure(.noSuchName)).get().sorted { $0.preference < $1.preference }
        return DNSAnswer(values: values, isSecure: false, timeToLive: 60)
    }

    func addresses(_ host: String) async throws(DNSError) -> DNSAnswer<IPAddress> {
        let values = try (hosts[host] ?? .failure(.noSuchName)).get()
        return DNSAnswer(values: values.compactMap { IPAddress($0) }, isSecure: false, timeToLive: 60)
    }
}

@Suite struct MXRouteTests {
    private static let policy = AddressPolicy(
        ownAddresses: [IPAddress("9.9.9.10")].compactMap { $0 }, ownNames: ["mx.example.test"])

    private static func route(_ table: Table, _ domain: String = "remote.test") async -> MXRouteResult {
        await MXRoute.resolve(domain, resolver: table, policy: policy)
    }

    private static func names(_ result: MXRouteResult) -> [String] {
        if case .hosts(let hosts) = result { hosts.map(\.name) } else { [] }
    }

    private static func status(_ result: MXRouteResult) -> String? {
        if case .refused(let status, _) = result { status } else { nil }
    }

    @Test func triesHostsInOrderOfPreference() async {
        let table = Table(
            mx: [(30, "c.test"), (10, "a.test"), (20, "b.test")],
            hosts: ["a.test": "8.8.8.1", "b.test": "8.8.8.2", "c.test": "8.8.8.3"])
        #expect(Self.names(await Self.route(table)) == ["a.test", "b.test", "c.test"])
    }

    @Test func mixesEqualPreferences() async {
        let table = Table(
            mx: [(10, "a.test"), (10, "b.test"), (20, "c.test")],
            hosts: ["a.test": "8.8.8.1", "b.test": "8.8.8.2", "c.test": "8.8.8.3"])
        var seen: Set<[String]> = []
        // By chance alone one order fails to show up once in 2^100 runs.
        for _ in 0..<100 { seen.insert(Self.names(await Self.route(table))) }
        #expect(seen == [["a.test", "b.test", "c.test"], ["b.test", "a.test", "c.test"]])
    }

    @Test func fallsBackToTheDomainsOwnAddress() async {
        let table = Table(mx: .noSuchRecord, hosts: ["remote.test": "8.8.8.1"])
        #expect(Self.names(await Self.route(table)) == ["remote.test"])
    }

    @Test func doesNotFallBackWhenMXRecordsExist() async {
        let table = Table(mx: [(10, "gone.test")], hosts: ["remote.test": "8.8.8.1"])
        #expect(Self.status(await Self.route(table)) == "5.4.4")
    }

    @Test func failsAtOnceForANullMX() async {
        let result = await Self.route(Table(mx: [(0, "")], hosts: ["remote.test": "8.8.8.1"]))
        #expect(result == .nullMX)
        guard case .failed(let reply) = result.result else { return #expect(Bool(false), "not final") }
        #expect(reply.status == "5.1.10")
    }

    @Test func ignoresANullMXBesideOthers() async {
        #expect(
            Self.names(await Self.route(Table(mx: [(0, ""), (10, "a.test")], hosts: ["a.test": "8.8.8.1"]))) == [
                "a.test"
            ])
    }

    @Test func tellsMissingDomainsFromFailures() async {
        #expect(await Self.route(Table(mx: .noSuchName)) == .noSuchDomain)
        #expect(await Self.route(Table(mx: .malformedName)) == .noSuchDomain)
        #expect(await Self.route(Table(mx: .temporary("SERVFAIL"))) == .temporary("SERVFAIL"))
        guard case .temporary = await Self.route(Table(mx: .bogus("expired"))) else {
            return #expect(Bool(false), "wrong signatures must never bounce mail")
        }
    }

    @Test func waitsWhenAHostsAddressIsUnknownForNow() async {
        var table = Table(mx: [(10, "a.test"), (20, "b.test")])
        table.hosts["a.test"] = .failure(.temporary("time-out"))
        table.hosts["b.test"] = .success(["127.0.0.1"])
        #expect(await Self.route(table) == .temporary("time-out"))
    }

    @Test(arguments: [
        "127.0.0.1", "169.254.169.254", "::1", "fe80::1", "0.0.0.0", "10.1.2.3", "::ffff:127.0.0.1", "9.9.9.10",
    ])
    func connectsToNoHostThatLeadsInside(address: String) async {
        #expect(Self.status(await Self.route(Table(mx: [(10, "evil.test")], hosts: ["evil.test": address]))) == "5.4.6")
        #expect(
            Self.status(await Self.route(Table(mx: .noSuchRecord, hosts: ["remote.test": address]))) == "5.4.6")
    }

    @Test func keepsThePublicAddressesOfAMixedHost() async {
        var table = Table(mx: [(10, "a.test")])
        table.hosts["a.test"] = .success(["::1", "8.8.8.8", "10.0.0.1"])
        let expected = MXHost(name: "a.test", addresses: [IPAddress("8.8.8.8")].compactMap { $0 })
        #expect(await Self.route(table) == .hosts([expected]))
    }

    @Test(arguments: ["127.0.0.1", "localhost", "mx.localhost", "8.8.8.8", "::1"])
    func takesNoAddressOrLocalhostForAHost(name: String) async {
        // The name even resolves, as it might with a hosts file.
        let result = await Self.route(Table(mx: [(10, name)], hosts: [name: "8.8.8.8"]))
        #expect(Self.status(result) == "5.4.4")
    }

    @Test func leavesOutWhatIsNoBetterThanOurselves() async {
        let hosts = ["a.test": "8.8.8.1", "mx.example.test": "8.8.8.2", "c.test": "8.8.8.3"]
        let backup = Table(mx: [(10, "a.test"), (20, "mx.example.test"), (20, "c.test"), (30, "c.test")], hosts: hosts)
        #expect(Self.names(await Self.route(backup)) == ["a.test"])
        let best = Table(mx: [(10, "mx.example.test"), (20, "a.test")], hosts: hosts)
        #expect(Self.status(await Self.route(best)) == "5.4.6")
    }

    @Test(arguments: ["[8.8.8.8]", "8.8.8.8", "[IPv6:2a00::1]", "::1"])
    func relaysToNoAddressLiteral(domain: String) async {
        #expect(Self.status(await Self.route(Table(mx: .noSuchRecord, hosts: [domain: "8.8.8.8"]), domain)) == "5.1.2")
    }

    @Test func triesABoundedNumberOfHostsAndAddresses() async {
        var table = Table(mx: (0..<200).map { (UInt16($0), "h\($0).test") })
        for index in 0..<200 { table.hosts["h\(index).test"] = .success((1...100).map { "8.8.\(index).\($0)" }) }
        guard case .hosts(let hosts) = await Self.route(table) else { return #expect(Bool(false)) }
        #expect(hosts.count == 10 && hosts.allSatisfy { $0.addresses.count == 4 } && hosts.first?.name == "h0.test")
    }

    @Test func cutsOffNeitherFamilyOfAddresses() async {
        var table = Table(mx: [(10, "a.test")])
        table.hosts["a.test"] = .success((1...9).map { "2a00:1450::\($0)" } + ["8.8.8.1"])
        guard case .hosts(let hosts) = await Self.route(table) else { return #expect(Bool(false)) }
        let expected = ["2a00:1450::1", "8.8.8.1", "2a00:1450::2", "2a00:1450::3"]
        #expect(hosts.map(\.addresses) == [expected.compactMap { IPAddress($0) }])
    }

    @Test func asksOnceForANameThatComesTwice() async {
        let table = Table(mx: [(10, "a.test"), (20, "a.test")], hosts: ["a.test": "8.8.8.1"])
        #expect(Self.names(await Self.route(table)) == ["a.test"])
    }
}
