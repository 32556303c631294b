package import DNSResolver

/// Which addresses may be connected to. DNS belongs to strangers: without this a record would aim our connections at
/// our own services, at those of the local network, or at ourselves.
package struct AddressPolicy: Sendable {
    package enum Refusal: Sendable, Hashable {
        /// An address of this machine.
        case ourselves
        /// Loopback, private, link-local, multicast or otherwise not of the public Internet.
        case notPublic
    }

    private let allowed: [IPNetwork]
    private let ownAddresses: Set<IPAddress>
    private let ownNames: Set<String>

    /// - Parameters:
    ///   - allowed: networks that may be connected to after all (MARTLET_RELAY_ALLOW).
    ///   - ownAddresses: those of our interfaces, and public ones that lead here.
    ///   - ownNames: the names that MX records of our domains may carry.
    package init(allowed: [IPNetwork] = [], ownAddresses: [IPAddress], ownNames: [String]) {
        self.allowed = allowed
        self.ownAddresses = Set(ownAddresses.map(\.canonical))
        self.ownNames = Set(ownNames.map(Self.canonical))
    }

    package func isOwnName(_ name: String) -> Bool { ownNames.contains(Self.canonical(name)) }

    /// `nil` when it may be connected to.
    package func refusal(of address: IPAddress) -> Refusal? {
        let address = address.canonical
        if allowed.contains(where: { $0.contains(address) }) { return nil }
        if ownAddresses.contains(address) { return .ourselves }
        return address.isPublic ? nil : .notPublic
    }

    private static func canonical(_ name: String) -> String {
        let name = name.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }
}
