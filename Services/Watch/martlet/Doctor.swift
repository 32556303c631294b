import ArgumentParser
import DNSResolver
import Diagnosis
import MailCore
import ServiceKit
import Storage

struct Doctor: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks at everything that mail needs: what is wrong, why that matters, what to do.",
        discussion: """
            Clock, disks, database, broker, daemons, queues, ports, TLS certificates, the resolver and the DNS
            records of every domain. It reads the settings of the daemons (environment or configuration file) to know
            their ports and certificates, and changes nothing. Exit code 1 when something is wrong.

            Example:
              martlet doctor
              martlet doctor --problems --json
            """)

    @Flag(name: .long, help: "Show only what is not well.")
    var problems = false

    @Flag(name: .customLong("no-dns"), help: "Do not check the DNS records of the domains.")
    var skipsDNS = false

    @Option(help: "A PEM file of the certificate authorities that clients trust; default: the system's.")
    var authorities: String?

    @Option(help: "Try whether mail can leave: a domain or host of somebody else whose mail server is connected to.")
    var outbound: String?

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    private struct Result: Encodable {
        let healthy: Bool
        let findings: [Finding]
    }

    func validate() throws { try server.check() }

    func execute() async throws {
        let subject = try DoctorSubject(server: server, authorities: authorities)
        var findings = try await examine(subject)
        let healthy = !findings.hasProblem
        if problems { findings.removeAll { $0.state == .ok || $0.state == .note } }
        output.show(Result(healthy: healthy, findings: findings), text: text(findings, healthy))
        if !healthy { throw ExitCode(1) }
    }

    private func text(_ findings: [Finding], _ healthy: Bool) -> String {
        let count = findings.filter { $0.state == .problem }.count
        let warnings = findings.filter { $0.state == .warning }.count
        let verdict = healthy ? "no problem" : count == 1 ? "1 problem" : "\(count) problems"
        return (findings.isEmpty ? "" : findings.humanText + "\n\n")
            + verdict + (warnings == 0 ? "" : ", \(warnings) warning\(warnings == 1 ? "" : "s")")
    }

    private func examine(_ subject: DoctorSubject) async throws -> [Finding] {
        let pool = try openPool()
        let database = await DatabaseCheck(pool: pool).run()
        let clock = database.facts.map { (now: $0.now, roundTrip: database.roundTrip) }
        var findings = MachineCheck.clock(database: clock)
        findings += MachineCheck.disks((database.facts?.dataDirectory.map { [$0] } ?? []) + subject.paths)
        findings += database.findings
        do {
            findings += await BrokerCheck(broker: try openBroker(), type: try queueType()).run()
        } catch let error as SettingsError {
            findings.append(Finding("broker", "RabbitMQ", .unknown, "not asked: \(error)"))
        }
        findings += subject.certificates()
        findings += await subject.checkPorts()
        let domains = skipsDNS ? [] : database.domains
        let plans = try await plans(domains, DomainKeyStore(pool: pool))
        return try await findings
            + withResolver { resolver in
                var findings = await ResolverCheck.run(resolver, host: subject.host ?? domains.first ?? "example.org")
                for plan in plans { findings += await DomainCheck(plan: plan, resolver: resolver).run() }
                if let outbound { findings.append(await Self.reach(outbound, resolver)) }
                return findings
            }
    }

    private func plans(_ domains: [String], _ store: DomainKeyStore) async throws -> [DomainPlan] {
        var plans: [DomainPlan] = []
        for domain in domains { plans.append(server.plan(domain, keys: try await store.keys(of: domain))) }
        return plans
    }

    private static func reach(_ name: String, _ resolver: DNSResolver) async -> Finding {
        // A name without MX is a host of its own (RFC 5321 5.1).
        let exchange = (try? await resolver.mailExchanges(name).values.first { !$0.isNull })?.exchange ?? name
        let addresses = (try? await resolver.addresses(exchange).values) ?? []
        var finding = Finding("outbound", name, .unknown, "has no mail server that could be tried")
        // A machine without IPv6 reaches the IPv4 address, and the other way round.
        for address in addresses.prefix(4) where finding.state != .ok {
            finding = await OutboundCheck(host: address.description).run()
        }
        return finding
    }
}
