package import NIOCore

/// The address of a client: its text, and the key that limits count by.
package struct PeerAddress: Sendable, Hashable {
    package let text: String
    /// An IPv4 address, or the /64 of an IPv6 address: what one subscriber usually holds.
    package let key: String

    package init(_ address: SocketAddress?) {
        switch address {
        case .v4:
            text = Self.dotted(Self.word(address, at: 4))
            key = text
        case .v6:
            let words = (0..<4).map { Self.word(address, at: 8 + $0 * 4) }
            if words[0] == 0, words[1] == 0, words[2] == 0xFFFF {
                // RFC 4291 2.5.5.2: an IPv4 client on a socket that serves both.
                text = Self.dotted(words[3])
                key = text
            } else {
                text = address?.ipAddress ?? "unknown"
                key = "\(String(words[0], radix: 16)):\(String(words[1], radix: 16))::/64"
            }
        case .unixDomainSocket, nil:
            text = "local"
            key = "local"
        }
    }

    /// A word of `sockaddr_in` (the address is at 4) or `sockaddr_in6` (at 8), in host order.
    private static func word(_ address: SocketAddress?, at offset: Int) -> UInt32 {
        address?.withSockAddr { pointer, size in
            guard offset + 4 <= size else { return 0 }
            return UInt32(bigEndian: UnsafeRawPointer(pointer).loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        } ?? 0
    }

    private static func dotted(_ word: UInt32) -> String {
        "\(word >> 24).\(word >> 16 & 0xFF).\(word >> 8 & 0xFF).\(word & 0xFF)"
    }
}
