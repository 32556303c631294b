import ArgumentParser
import DNSResolver
import Diagnosis
import ServiceKit
import Storage

/// How the world knows this server.
struct ServerOptions: ParsableArguments {
    @Option(help: "The server's name in the DNS; default: MARTLET_SMTP_HOSTNAME, otherwise mail.DOMAIN.")
    var host: String?

    @Option(
        name: .customLong("address"), help: "An address under which the world reaches it; may be given several times.")
    var addresses: [String] = []

    /// For `validate()` of the command: what is no address is a wrong usage.
    func check() throws {
        for address in addresses where IPAddress(address) == nil {
            throw ValidationError("'\(printable(address))' is not an IP address.")
        }
        if let host, !LocalAddress.isDomain(host) {
            throw ValidationError("'\(printable(host))' is not a host name.")
        }
    }

    func plan(_ domain: String, keys: [DomainKeyStore.Listed]) -> DomainPlan {
        // The name that smtpd greets with; in the file it may stand in that program's section.
        let configured = Settings(program: "smtpd").string("smtp.hostname", default: "mail.\(domain)")
        return DomainPlan(
            domain: domain, host: (host ?? configured).lowercased(), addresses: addresses.compactMap(IPAddress.init),
            keys: DomainKeys.planned(keys))
    }
}
