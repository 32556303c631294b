import DNSResolver
import Diagnosis
import Testing

@Suite struct SPFTests {
    private static let zone = """
        pass.test. MX 10 mail.test.
        mail.test. A 8.8.8.8
        mail.test. AAAA 2001:4860::1
        near.test. A 8.8.8.1
        inner.test. TXT "v=spf1 ip4:8.8.8.0/24 -all"
        strict.test. TXT "v=spf1 -all"
        loop.test. TXT "v=spf1 include:loop.test -all"
        """

    /// What `domain dns` says about a record of `pass.test` for 8.8.8.8.
    private func state(_ record: String, _ address: String = "8.8.8.8") async throws -> Finding.State? {
        let plan = DomainPlan(
            domain: "pass.test", host: "mail.test", addresses: [IPAddress(address)].compactMap { $0 }, keys: [])
        return try await withZone(Self.zone + "\npass.test. TXT \"\(record)\"") { resolver in
            await DomainCheck(plan: plan, resolver: resolver).run().first { $0.check == "spf" }?.state
        }
    }

    @Test(arguments: [
        "v=spf1 mx -all", "v=spf1 a:mail.test -all", "v=spf1 ip4:8.8.8.8 -all", "v=spf1 ip4:8.0.0.0/8 ~all",
        "v=spf1 a:near.test/24 -all", "v=spf1 include:inner.test -all", "v=spf1 redirect=inner.test",
        "v=spf1 exp=x.test +mx -all", "V=SPF1 MX -ALL", "v=spf1 include:strict.test mx -all",
        "v=spf1 a:mail.test//64 -all",
        "v=spf1 exists:mail.test -all",
    ])
    func letsThisServerSend(_ record: String) async throws { #expect(try await state(record) == .ok) }

    @Test(arguments: [
        "v=spf1 -all", "v=spf1 ip4:9.9.9.9 ~all", "v=spf1 a -all", "v=spf1 include:strict.test -all",
        "v=spf1 redirect=strict.test", "v=spf1 -mx +ip4:8.8.8.8 -all", "v=spf1 mxx -all", "v=spf1 ip4:x -all",
        "v=spf1 include: -all", "v=spf1 a:mail.test/33 -all", "v=spf1 include:absent.test -all",
        "v=spf1 include:loop.test -all",
    ])
    func doesNot(_ record: String) async throws { #expect(try await state(record) == .problem) }

    @Test func saysWhenItCannotTell() async throws {
        #expect(try await state("v=spf1 exists:%{i}.test -all") == .unknown)
        #expect(try await state("v=spf1 ?all") == .warning)
        #expect(try await state("v=spf1 mx -all", "2001:4860::1") == .ok)
        #expect(try await state("v=spf1 ip6:2001:4860::/32 -all", "2001:4860::1") == .ok)
        #expect(try await state("v=spf1 ip4:8.8.8.8 -all", "2001:4860::1") == .problem)
    }
}
