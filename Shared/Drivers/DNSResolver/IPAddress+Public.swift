extension IPAddress {
    /// Whether the address is of the public Internet: not loopback, private, link-local, multicast or set aside for
    /// anything else, also when it hides in an IPv6 address.
    package var isPublic: Bool {
        let address = canonical
        func isIn(_ networks: [IPNetwork]) -> Bool { networks.contains { $0.contains(address) } }
        if address.isIPv4 { return !isIn(SpecialNetworks.four) }
        return isIn(SpecialNetworks.globalUnicast) && !isIn(SpecialNetworks.six)
    }

    /// What the address means in the end: IPv4-mapped (RFC 4291 2.5.5.2) and translated ones (RFC 6052 2.1) are IPv4.
    package var canonical: IPAddress {
        guard !isIPv4, SpecialNetworks.embedding.contains(where: { $0.contains(self) }) else { return self }
        return IPAddress(bytes: Array(bytes.suffix(4))) ?? self
    }
}

private enum SpecialNetworks {
    static let embedding = ["::ffff:0:0/96", "64:ff9b::/96"].compactMap(IPNetwork.init)

    /// IANA IPv4 special-purpose address registry (RFC 6890), and multicast and reserved space.
    static let four = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
    ].compactMap(IPNetwork.init)

    /// What is not in it is loopback, link-local, unique-local, multicast or unassigned (RFC 4291 2.4).
    static let globalUnicast = ["2000::/3"].compactMap(IPNetwork.init)

    /// IANA IPv6 special-purpose address registry, as far as it lies in 2000::/3. 6to4 and Teredo carry IPv4 addresses
    /// of any kind, and no mail server lives there.
    static let six = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"].compactMap(IPNetwork.init)
}
