package import DNSResolver

/// The questions that routing asks.
package protocol MXLookup: Sendable {
    /// In order of preference.
    func mailExchanges(_ domain: String) async throws(DNSError) -> DNSAnswer<MailExchange>
    func addresses(_ host: String) async throws(DNSError) -> DNSAnswer<IPAddress>
}

extension DNSResolver: MXLookup {}
