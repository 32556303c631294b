package import DNSResolver

/// A dialogue with another host, as `SMTPClientConnection` has it.
package protocol RelayConnection: Sendable {
    /// One transaction. `beforeFinalDot` is asked when all but the final dot is sent; when it throws, no dot follows.
    /// - Returns: what became of each recipient, in their order.
    func deliver(
        _ mail: OutboundMail, beforeFinalDot: @escaping @Sendable () async throws -> Void
    ) async -> [RecipientResult]

    /// Whether another mail may follow.
    func canGoOn() async -> Bool
    func quit() async
}

/// Where mail for a domain goes, and the way there.
package struct RelayConnector: Sendable {
    package let route: @Sendable (_ domain: String) async -> MXRouteResult
    /// Greeted, encrypted where that is possible, and ready for a mail, within the given time.
    package let open: @Sendable (MXHost, IPAddress, Duration) async -> Result<any RelayConnection, RelayFailure>

    package init(
        route: @escaping @Sendable (_ domain: String) async -> MXRouteResult,
        open: @escaping @Sendable (MXHost, IPAddress, Duration) async -> Result<any RelayConnection, RelayFailure>
    ) {
        self.route = route
        self.open = open
    }
}
