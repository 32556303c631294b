import DNSResolver
import SMTPRelay
import Testing

@Suite struct AddressPolicyTests {
    private static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    private static func policy(allowed: [String] = []) -> AddressPolicy {
        AddressPolicy(
            allowed: allowed.compactMap(IPNetwork.init), ownAddresses: [IPAddress("9.9.9.10")].compactMap { $0 },
            ownNames: ["MX.example.test."])
    }

    @Test(arguments: [
        "127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7",
        "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fec0::1",
        "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
        "2002:7f00:1::", "2001::1", "2001:db8::1", "::127.0.0.1", "100::1", "3fff::1", "4000::1",
    ])
    func refusesWhatIsNotPublic(text: String) throws {
        #expect(Self.policy().refusal(of: try Self.address(text)) == .notPublic)
    }

    @Test(arguments: [
        "8.8.8.8", "9.255.255.255", "11.0.0.1", "128.0.0.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1",
        "169.253.0.1", "192.167.0.1", "223.255.255.1", "2a00:1450::1", "2606:4700::1", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "2001:4860::1",
    ])
    func allowsThePublicInternet(text: String) throws {
        #expect(Self.policy().refusal(of: try Self.address(text)) == nil)
    }

    @Test func refusesOurselves() throws {
        let ours = try Self.address("9.9.9.10")
        let mapped = try Self.address("::ffff:9.9.9.10")
        #expect(Self.policy().refusal(of: ours) == .ourselves)
        #expect(Self.policy().refusal(of: mapped) == .ourselves)
        #expect(Self.policy().isOwnName("mx.EXAMPLE.test") && !Self.policy().isOwnName("example.test"))
    }

    @Test func allowsNamedNetworksAfterAll() throws {
        let policy = Self.policy(allowed: ["127.0.0.0/8", "::1"])
        #expect(policy.refusal(of: try Self.address("127.9.9.9")) == nil)
        #expect(policy.refusal(of: try Self.address("::ffff:127.0.0.1")) == nil)
        #expect(policy.refusal(of: try Self.address("::1")) == nil)
        #expect(policy.refusal(of: try Self.address("::2")) == .notPublic)
        #expect(policy.refusal(of: try Self.address("10.0.0.1")) == .notPublic)
    }

    @Test(arguments: [
        "", "/", "127.0.0.0/33", "127.0.0.0/-1", "127.0.0.0/", "127.0.0.0/+8", "x/8", "::/129", "1.2.3/8",
    ])
    func takesNoOddNetwork(text: String) { #expect(IPNetwork(text) == nil) }

    @Test(arguments: [("10.128.0.0/9", "10.200.0.1", true), ("10.128.0.0/9", "10.100.0.1", false)])
    func countsBits(network: String, address: String, expected: Bool) throws {
        #expect(try #require(IPNetwork(network)).contains(try Self.address(address)) == expected)
    }

    @Test func knowsTheAddressesOfThisMachine() throws {
        #expect(OwnAddresses.now().contains(try Self.address("127.0.0.1")))
    }
}
