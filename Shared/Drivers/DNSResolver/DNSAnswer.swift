/// Records of one name and type.
package struct DNSAnswer<Value: Sendable>: Sendable {
    package let values: [Value]
    /// Validated from a trust anchor down (RFC 4035 4.3 "secure").
    package let isSecure: Bool
    /// Seconds.
    package let timeToLive: Int

    package init(values: [Value], isSecure: Bool, timeToLive: Int) {
        self.values = values
        self.isSecure = isSecure
        self.timeToLive = timeToLive
    }
}

/// An MX record (RFC 1035 3.3.9); an exchange of "." is a null MX (RFC 7505).
package struct MailExchange: Sendable, Hashable {
    package let preference: UInt16
    /// Without the final dot, lower case; empty for ".".
    package let exchange: String

    package init(preference: UInt16, exchange: String) {
        self.preference = preference
        self.exchange = exchange
    }

    package var isNull: Bool { exchange.isEmpty }
}

/// An address as the 4 or 16 bytes of its record.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    package var isIPv4: Bool { bytes.count == 4 }

    /// Presentation form (RFC 5952 for IPv6).
    package var description: String { addressText(bytes) }

    /// `nil` unless it is an address in presentation form.
    package init?(_ text: String) {
        guard let bytes = addressBytes(text) else { return nil }
        self.bytes = bytes
    }
}
