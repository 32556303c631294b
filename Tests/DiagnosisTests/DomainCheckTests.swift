import DKIM
import DNSResolver
import Diagnosis
import Testing

@Suite struct DomainCheckTests {
    private static let keys: [DomainPlan.Key] = [
        DomainPlan.Key(selector: "r1", algorithm: .rsa, publicKey: [UInt8](0...255) + [7], isWaiting: false),
        DomainPlan.Key(selector: "e1", algorithm: .ed25519, publicKey: [UInt8](1...32), isWaiting: false),
    ]

    private static let plan = DomainPlan(
        domain: "example.org", host: "mail.example.org", addresses: [IPAddress("8.8.8.8")].compactMap { $0 }, keys: keys
    )

    private func check(_ zone: String, _ plan: DomainPlan = plan) async throws -> [Finding] {
        try await withZone(zone) { await DomainCheck(plan: plan, resolver: $0).run() }
    }

    /// The zone as `domain dns` prints it, with some lines replaced.
    private func published(without prefix: String? = nil, adding: String = "") -> String {
        Self.plan.records.map(\.zoneLine).filter { line in prefix.map { !line.hasPrefix($0) } ?? true }
            .joined(separator: "\n") + "\n" + adding
    }

    @Test func whatIsPrintedPasses() async throws {
        let findings = try await check(published())
        #expect(findings.map(\.check) == ["host", "mx", "spf", "dkim", "dkim", "dmarc", "reverse"])
        // p=none is a beginning.
        #expect(findings.allSatisfy { $0.state == .ok || $0.check == "dmarc" && $0.state == .note }, "\(findings)")
    }

    @Test func anEmptyDNSIsAllWrongAndSaysWhatToPublish() async throws {
        let findings = try await check("")
        for check in ["host", "mx", "spf", "dkim", "dmarc", "reverse"] {
            let finding = try #require(findings.first { $0.check == check })
            #expect(finding.state == .problem && finding.why != nil && finding.advice != nil, "\(check)")
        }
        #expect(findings.first { $0.check == "mx" }?.advice?.contains("example.org. MX 10 mail.example.org.") ?? false)
    }

    @Test(arguments: [
        ("mx", "example.org. MX", "example.org. MX 10 other.test.", "not mail.example.org"),
        ("mx", "example.org. MX", "example.org. MX 0 .", "takes no mail"),
        ("host", "mail.example.org. A", "mail.example.org. A 8.8.4.4", "not 8.8.8.8"),
        ("spf", "example.org. TXT", "example.org. TXT \"v=spf1 a -all\"", "forbids"),
        (
            "spf", "example.org. TXT", "example.org. TXT \"v=spf1 mx -all\"\nexample.org. TXT \"v=spf1 -all\"",
            "2 records"
        ),
        ("spf", "example.org. TXT", "example.org. TXT \"v=spf1 +all\"", "+all"),
        ("spf", "example.org. TXT", "example.org. TXT \"v=spf1 ipv4:8.8.8.8 -all\"", "no mechanism"),
        ("dkim", "e1._domainkey", "e1._domainkey.example.org. TXT \"v=DKIM1; k=ed25519; p=AQID\"", "another key"),
        ("dkim", "e1._domainkey", "e1._domainkey.example.org. TXT \"v=DKIM1; p=\"", "revoked"),
        ("dkim", "e1._domainkey", "e1._domainkey.example.org. TXT \"p=AQID\"", "type rsa"),
        ("dkim", "e1._domainkey", "e1._domainkey.example.org. TXT \"hello\"", "no list of tags"),
        ("dmarc", "_dmarc.", "_dmarc.example.org. TXT \"v=DMARC1; p=maybe\"", "is no policy"),
        ("dmarc", "_dmarc.", "_dmarc.example.org. TXT \"v=DMARC1; rua=mailto:a@b\"", "has no p="),
        ("reverse", "8.8.8.8.in-addr.arpa.", "8.8.8.8.in-addr.arpa. PTR cust-8.isp.test.", "not mail.example.org"),
    ])
    func eachMistakeIsNamed(_ name: String, _ line: String, _ instead: String, _ words: String) async throws {
        let findings = try await check(published(without: line, adding: instead))
        let found = findings.filter { $0.check == name && $0.state == .problem }
        #expect(found.contains { $0.found.contains(words) && $0.advice != nil }, "\(findings.humanText)")
    }

    @Test func aKeyThatWaitsIsOnlyAReminder() async throws {
        let key = DomainPlan.Key(selector: "w1", algorithm: .ed25519, publicKey: [1, 2, 3], isWaiting: true)
        let plan = DomainPlan(domain: "example.org", host: "mail.example.org", keys: [key])
        let findings = try await check(published(), plan).filter { $0.check == "dkim" }
        #expect(findings.map(\.state) == [.warning])
    }

    @Test func aDomainWithoutKeysIsTold() async throws {
        let plan = DomainPlan(domain: "example.org", host: "mail.example.org", keys: [])
        let findings = try await check(published(), plan).filter { $0.check == "dkim" }
        #expect(findings.first?.advice?.contains("martlet domain key rotate example.org") ?? false)
    }

    @Test func aPrivateAddressIsAWarningNotAnError() async throws {
        let plan = DomainPlan(domain: "example.org", host: "mail.example.org", keys: Self.keys)
        let zone = published(without: "mail.example.org. A", adding: "mail.example.org. A 192.168.1.5")
        let findings = try await check(zone, plan)
        #expect(findings.first { $0.check == "host" }?.state == .warning)
        #expect(findings.first { $0.check == "reverse" }?.state == .note)
        #expect(!findings.hasProblem, "\(findings.humanText)")
    }

    @Test func aSubdomainInheritsThePolicyAbove() async throws {
        let plan = DomainPlan(domain: "a.b.example.org", host: "mail.example.org", keys: [])
        let zone = "_dmarc.example.org. TXT \"v=DMARC1; p=reject; sp=quarantine\""
        let finding = try #require(try await check(zone, plan).first { $0.check == "dmarc" })
        #expect(finding.state == .ok && finding.subject == "_dmarc.example.org")
    }

    @Test func aLongKeyIsCutIntoStringsThatADNSServerTakes() throws {
        let record = try #require(Self.plan.records.first { $0.name.hasPrefix("r1.") })
        let strings = record.zoneLine.split(separator: "\"").filter { $0 != " " }.dropFirst()
        #expect(strings.count == 2 && strings.allSatisfy { $0.utf8.count <= 255 })
        #expect(strings.joined() == record.value)
    }

    @Test func aDomainInUTF8IsToldAboutItsALabel() async throws {
        let findings = try await check("", DomainPlan(domain: "bücher.test", host: "mail.example.org", keys: []))
        #expect(findings.map(\.check) == ["domain"] && findings.first?.advice?.contains("A-label") ?? false)
    }

    @Test func textOfTheDNSCannotPlayWithTheTerminal() async throws {
        let zone = published(without: "example.org. TXT", adding: "example.org. TXT \"v=spf1 \u{1b}[2J -all\"")
        let findings = try await check(zone)
        #expect(!findings.humanText.contains("\u{1b}"))
    }
}
