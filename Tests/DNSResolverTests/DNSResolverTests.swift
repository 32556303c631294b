import DNSResolver
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// Against libunbound itself, with a zone file that cuts off the world: no packet leaves.
@Suite struct DNSResolverTests {
    private static let zone = """
        . SOA ns.invalid. hostmaster.invalid. 1 2 3 4 5
        remote.test. MX 20 mx2.remote.test.
        remote.test. MX 10 MX1.remote.test.
        mx1.remote.test. A 127.0.0.2
        mx1.remote.test. A 127.0.0.3
        mx1.remote.test. AAAA ::1
        nomail.test. MX 0 .
        key.remote.test. TXT "v=DKIM1; " "p=ABC"
        2.0.0.127.in-addr.arpa. PTR mx1.remote.test.
        """

    private func withResolver(_ body: (DNSResolver) async throws -> Void) async throws {
        let path = "/tmp/martlet-zone-\(UInt64.random(in: 0...UInt64.max)).zone"
        guard let file = fopen(path, "w") else { throw DNSError.temporary("no file") }
        fputs(Self.zone, file)
        fclose(file)
        defer { unlink(path) }
        var configuration = DNSConfiguration()
        configuration.zoneFile = path
        configuration.validates = false
        let resolver = try DNSResolver(configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await resolver.run() }
            try await body(resolver)
            group.cancelAll()
        }
    }

    @Test func answersFromTheZoneFile() async throws {
        try await withResolver { resolver in
            let mx = try await resolver.mailExchanges("remote.test")
            #expect(mx.values.map(\.exchange) == ["mx1.remote.test", "mx2.remote.test"])
            #expect(!mx.isSecure)
            let null = try await resolver.mailExchanges("nomail.test.")
            #expect(null.values.map(\.isNull) == [true])
            let addresses = try await resolver.addresses("mx1.remote.test").values.map(\.description)
            #expect(Set(addresses) == ["127.0.0.2", "127.0.0.3", "::1"] && addresses.first == "::1")
            let texts = try await resolver.texts("key.remote.test").values
            #expect(texts == [Array("v=DKIM1; p=ABC".utf8)])
            let address = try #require(IPAddress("127.0.0.2"))
            let names = try await resolver.names(of: address).values
            #expect(names == ["mx1.remote.test"])
        }
    }

    @Test func tellsAMissingNameFromAMissingRecord() async throws {
        try await withResolver { resolver in
            await #expect(throws: DNSError.noSuchName) { try await resolver.mailExchanges("absent.test") }
            await #expect(throws: DNSError.noSuchRecord) { try await resolver.texts("mx1.remote.test") }
            await #expect(throws: DNSError.malformedName) { try await resolver.texts("a..b") }
            await #expect(throws: DNSError.malformedName) {
                try await resolver.texts(String(repeating: "x", count: 64) + ".test")
            }
        }
    }

    @Test func manyQuestionsAtOnce() async throws {
        try await withResolver { resolver in
            let count = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<500 {
                    group.addTask { (try? await resolver.mailExchanges("remote.test").values.count) == 2 }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(count == 500)
        }
    }
}
