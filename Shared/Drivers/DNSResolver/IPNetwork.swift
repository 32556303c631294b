/// Addresses with a common prefix (RFC 4632 3.1, RFC 4291 2.3), written `192.0.2.0/24`, `2001:db8::/32`, or one address.
package struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
    private let address: IPAddress
    private let length: Int

    /// `nil` unless it is a network; bits behind the prefix are ignored.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
        let bits = address.bytes.count * 8
        var length = bits
        if let written = parts.dropFirst().first {
            guard written.utf8.count <= 3, written.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(written), number <= bits
            else { return nil }
            length = number
        }
        self.address = address
        self.length = length
    }

    package func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        var left = length
        for (mine, theirs) in zip(address.bytes, other.bytes) {
            if left >= 8 {
                guard mine == theirs else { return false }
                left -= 8
            } else {
                return left == 0 || (mine ^ theirs) >> UInt8(8 - left) == 0
            }
        }
        return true
    }

    package var description: String { "\(address)/\(length)" }
}
