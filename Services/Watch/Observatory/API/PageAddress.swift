import HTTPTypes
import LineServer
import NIOCore
package import ServiceKit

/// How browsers reach the page: its origin as they see it, and the proxies that requests may come through.
package struct PageAddress: Sendable {
    /// `https://mail.example.org`; empty: whatever host they ask for.
    let origin: String
    private let proxies: Set<String>

    /// Browsers reach it under whatever name, and without a proxy.
    package init() {
        origin = ""
        proxies = []
    }

    /// What a browser would never send as its `Origin` is refused, because every login would be, too.
    package init(origin: String, proxies: [String]) throws(SettingsError) {
        let lower = origin.lowercased()
        guard lower.isEmpty || Self.isOrigin(lower) else {
            throw SettingsError(
                variable: Settings.variable(of: "watch.origin"), problem: "is no origin",
                expected: "https:// or http://, a host, perhaps a port, and nothing behind it")
        }
        var known: Set<String> = []
        for proxy in proxies {
            guard let address = Self.address(proxy) else {
                throw SettingsError(
                    variable: Settings.variable(of: "watch.proxies"), problem: "names what is no IP address",
                    expected: "IP addresses between commas")
            }
            known.insert(address.text)
        }
        self.origin = lower
        self.proxies = known
    }

    /// RFC 6454 6.2.
    private static func isOrigin(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return false }
        let host = text.dropFirst(scheme.count)
        // A browser leaves out the scheme's own port.
        if let port = port(of: host),
            port.isEmpty || UInt16(port) == nil || port == (scheme == "https://" ? "443" : "80")
        {
            return false
        }
        let allowed = host.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || ".-:[]".utf8.contains(byte)
        }
        return allowed && !host.isEmpty && !host.hasPrefix(":")
    }

    /// What stands behind the colon, which an IPv6 address has inside its brackets too.
    private static func port(of host: Substring) -> Substring? {
        guard let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") else { return nil }
        return host[host.index(after: colon)...]
    }

    /// Whose a request is: of a proxy's what it says of its client last (it adds that itself, unlike what stands before).
    func peer(of connection: SocketAddress?, _ fields: HTTPFields) -> PeerAddress {
        let peer = PeerAddress(connection)
        guard proxies.contains(peer.text), let name = Self.forwardedFor,
            let last = fields[values: name].last?.split(separator: ",").last
        else { return peer }
        return Self.address(last.filter { $0 != " " }) ?? peer
    }

    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")

    private static func address(_ text: String) -> PeerAddress? {
        (try? SocketAddress(ipAddress: text, port: 0)).map { PeerAddress($0) }
    }
}
