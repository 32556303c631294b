import ArgumentParser
import DNSResolver
import Diagnosis
import ServiceKit
import Storage

struct DomainDNS: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "dns", abstract: "Prints the DNS records of a domain and checks each of them.",
        discussion: """
            Says what is wrong, why that matters and what to do. Exit code 1 when something is wrong.
            MARTLET_DNS_FORWARDERS names other servers to ask than those of /etc/resolv.conf, MARTLET_DNS_ZONE_FILE a
            file of records that override the world.

            Example:
              martlet domain dns example.org --address 203.0.113.25
            """)

    @Argument(help: "The domain.")
    var name: String

    @Flag(name: .customLong("print"), help: "Only print the records; ask nobody.")
    var printOnly = false

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    private struct Result: Encodable {
        let domain: String
        let host: String
        let records: [PlannedRecord]
        var findings: [Finding]?
    }

    func validate() throws { try server.check() }

    func execute() async throws {
        let domain = name.lowercased()
        let plan = server.plan(domain, keys: try await DomainKeyStore(pool: openPool()).keys(of: domain))
        var result = Result(domain: domain, host: plan.host, records: plan.records)
        guard !printOnly else { return output.show(result, text: plan.humanText) }
        let findings = try await withResolver { await DomainCheck(plan: plan, resolver: $0).run() }
        result.findings = findings
        output.show(result, text: plan.humanText + "\n\n" + findings.humanText)
        if findings.hasProblem { throw ExitCode(1) }
    }
}

/// Runs a resolver, as the settings want it, while `body` asks.
func withResolver<Value: Sendable>(_ body: @Sendable (DNSResolver) async throws -> Value) async throws -> Value {
    let settings = Settings(program: "martlet")
    var configuration = DNSConfiguration()
    let zone = settings.string("dns.zone_file", default: "")
    configuration.zoneFile = zone.isEmpty ? nil : zone
    configuration.forwarders = try settings.list("dns.forwarders", default: [])
    configuration.timeout = .seconds(10)
    let resolver: DNSResolver
    do {
        resolver = try DNSResolver(configuration: configuration)
    } catch {
        throw Failure.settings("the DNS resolver: \(error)")
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await resolver.run() }
        defer { group.cancelAll() }
        return try await body(resolver)
    }
}
