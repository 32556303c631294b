/// An identifier that is a UUIDv7 underneath; the wrapping type keeps mails and bodies apart.
package protocol UUIDIdentifier: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    var uuid: UUIDv7 { get }
    init(_ uuid: UUIDv7)
}

extension UUIDIdentifier {
    package static func next(at now: Timestamp = .now()) -> Self { Self(UUIDv7.next(at: now)) }

    package init?(_ text: some StringProtocol) {
        guard let uuid = UUIDv7(text) else { return nil }
        self.init(uuid)
    }

    package var description: String { uuid.description }

    package static func < (left: Self, right: Self) -> Bool { left.uuid < right.uuid }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let uuid = UUIDv7(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self.init(uuid)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Names one accepted mail on its whole way.
package struct MailID: UUIDIdentifier {
    package let uuid: UUIDv7
    package init(_ uuid: UUIDv7) { self.uuid = uuid }
}

/// Names the wire bytes of a mail; several mailbox entries share one body.
package struct BodyID: UUIDIdentifier {
    package let uuid: UUIDv7
    package init(_ uuid: UUIDv7) { self.uuid = uuid }
}

/// An identifier that is a number underneath; in JSON it is just that number.
package protocol NumberIdentifier: Hashable, Comparable, Sendable, Codable {
    var value: Int64 { get }
    init(_ value: Int64)
}

extension NumberIdentifier {
    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }

    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(Int64.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

package struct AccountID: NumberIdentifier {
    package let value: Int64
    package init(_ value: Int64) { self.value = value }
}

package struct MailboxID: NumberIdentifier {
    package let value: Int64
    package init(_ value: Int64) { self.value = value }
}
