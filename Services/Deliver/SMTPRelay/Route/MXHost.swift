package import DNSResolver

/// A host that takes mail for a domain, with the addresses that may be tried, best first.
package struct MXHost: Sendable, Hashable {
    package let name: String
    package let addresses: [IPAddress]

    package init(name: String, addresses: [IPAddress]) {
        self.name = name
        self.addresses = addresses
    }
}

/// Where mail for a domain goes.
package enum MXRouteResult: Sendable, Hashable {
    /// In the order to be tried; each has an address.
    case hosts([MXHost])
    /// The domain takes no mail (RFC 7505).
    case nullMX
    case noSuchDomain
    /// Try again later.
    case temporary(String)
    /// There are hosts, but none that we connect to: ourselves, loopback, private networks, names without addresses.
    case refused(status: String, String)

    /// What every recipient gets when there are no hosts; `nil` when there are.
    package var result: RecipientResult? {
        switch self {
        case .hosts: nil
        case .nullMX:  // RFC 7505 4.2
            .failed(RelayReply(status: "5.1.10", "The recipient's domain takes no mail (null MX)", step: .route))
        case .noSuchDomain:
            .failed(RelayReply(status: "5.1.2", "The recipient's domain does not exist", step: .route))
        case .temporary(let reason):
            .deferred(RelayReply(status: "4.4.3", "The domain name system gave no answer: \(reason)", step: .route))
        case .refused(let status, let reason): .failed(RelayReply(status: status, reason, step: .route))
        }
    }
}
