/// How names are resolved.
package struct DNSConfiguration: Sendable {
    /// A server (with `@port`) that a zone is asked at directly.
    package struct Stub: Sendable {
        package let zone: String
        package let server: String

        package init(zone: String, server: String) {
            self.zone = zone
            self.server = server
        }
    }

    /// Records in zone file form that override the world. A name with an SOA record makes everything below it ours:
    /// what the file does not have there does not exist; `. SOA` therefore cuts off the world.
    package var zoneFile: String?
    /// Forwarders, as `192.0.2.1` or `192.0.2.1@5353`; empty: those of /etc/resolv.conf.
    package var forwarders: [String] = []
    package var stubs: [Stub] = []
    /// DS or DNSKEY records in zone file form to trust, besides Debian's root key when `validates`.
    package var trustAnchors: [String] = []
    package var validates = true
    /// The root key that Debian's dns-root-data keeps; left out when the file is not there.
    package var rootKeyFile = "/usr/share/dns/root.key"
    /// Of one question, retries included.
    package var timeout: Duration = .seconds(20)

    package init() {}
}
