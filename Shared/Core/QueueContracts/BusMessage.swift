#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A message on the bus. It carries identifiers, never bodies, and names its schema and version, so that an operator
/// can read it in the RabbitMQ console and versions N-1 and N run side by side.
///
/// Messages hold only texts, integers and lists of them. Unknown keys are ignored: a new optional key is no new
/// version.
package protocol BusMessage: Codable, Sendable {
    static var schema: String { get }
    /// What we write; we read it and the version before.
    static var version: Int { get }
}

/// Why something is not a message that we can read.
package enum ContractError: Error, Equatable {
    case unreadable
    case unknownSchema(String)
    case unknownVersion(Int)
    case tooMany(Int)
    case tooLong
}

/// No message of ours is longer; a longer one is not even looked at.
package let maximumMessageBytes = 128 * 1024

extension BusMessage {
    package func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]  // so that a golden file stays the same
        // Texts and integers always encode; an empty message would be parked by its reader.
        return (try? encoder.encode(self)).map { [UInt8]($0) } ?? []
    }

    package static func decode(_ bytes: [UInt8]) throws(ContractError) -> Self {
        try MessageHead.check(bytes, schema: schema, newest: version)
        guard let message = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { throw .unreadable }
        return message
    }
}

/// What every message begins with; read first, so that a reader can say what is wrong with the rest.
struct MessageHead: Codable {
    let schema: String
    let version: Int

    static func check(_ bytes: [UInt8], schema: String, newest: Int) throws(ContractError) {
        guard bytes.count <= maximumMessageBytes else { throw .tooLong }
        guard let head = try? JSONDecoder().decode(MessageHead.self, from: Data(bytes)) else { throw .unreadable }
        guard head.schema == schema else { throw .unknownSchema(String(head.schema.prefix(64))) }
        guard (max(1, newest - 1)...newest).contains(head.version) else { throw .unknownVersion(head.version) }
    }
}
