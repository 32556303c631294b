#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif
package import MailCore

/// A message on the bus. It carries identifiers, never bodies, and names its schema and version,
/// so that an operator can read it in the RabbitMQ console and versions N-1 and N run side by side.
package protocol BusMessage: Codable, Sendable {
    static var schema: String { get }
    static var version: Int { get }
}

/// "There is work at this stage for these mails": `mail.accepted` for classifyd, `mail.classified` for filerd.
package struct MailHint: Sendable, Hashable, Codable {
    package struct Entry: Sendable, Hashable, Codable {
        package let mail: MailID
        package let traceparent: TraceParent

        package init(mail: MailID, traceparent: TraceParent) {
            self.mail = mail
            self.traceparent = traceparent
        }
    }

    /// More than this many mails never share a hint.
    package static let maximumEntries = 128

    package let schema: String
    package let version: Int
    package let mails: [Entry]

    package init(schema: String, mails: [Entry]) {
        self.schema = schema
        self.version = 1
        self.mails = mails
    }

    package static func accepted(_ mails: [Entry]) -> MailHint { MailHint(schema: RoutingKey.mailAccepted, mails: mails) }
    package static func classified(_ mails: [Entry]) -> MailHint { MailHint(schema: RoutingKey.mailClassified, mails: mails) }
}

/// "Look again at these mailboxes"; says nothing of what changed.
package struct MailboxChanged: BusMessage, Hashable {
    package struct Mailbox: Sendable, Hashable, Codable {
        package let account: AccountID
        package let mailbox: MailboxID
        /// The mailbox's highest modseq at the change; a reader that has it already need not look.
        package let modseq: Int64

        package init(account: AccountID, mailbox: MailboxID, modseq: Int64) {
            self.account = account
            self.mailbox = mailbox
            self.modseq = modseq
        }
    }

    package static let schema = RoutingKey.mailboxChanged
    package static let version = 1

    package let schema: String
    package let version: Int
    package let mailboxes: [Mailbox]

    package init(_ mailboxes: [Mailbox]) {
        self.schema = Self.schema
        self.version = Self.version
        self.mailboxes = mailboxes
    }
}

/// A new version of a model is in PostgreSQL.
package struct ModelPublished: BusMessage, Hashable {
    package static let schema = RoutingKey.modelPublished
    package static let version = 1

    package let schema: String
    package let version: Int
    package let kind: String
    package let modelVersion: Int64

    package init(kind: String, modelVersion: Int64) {
        self.schema = Self.schema
        self.version = Self.version
        self.kind = kind
        self.modelVersion = modelVersion
    }
}

/// Work that failed five times, or a hint nobody could read; the mail itself stays in PostgreSQL.
package struct ParkedNotice: BusMessage, Hashable {
    package static let schema = RoutingKey.parked
    package static let version = 1

    package let schema: String
    package let version: Int
    package let stage: String
    package let mail: MailID?
    package let reason: String
    /// The undecodable hint, cut to 1 KiB.
    package let payload: String?

    package init(stage: String, mail: MailID?, reason: String, payload: String? = nil) {
        self.schema = Self.schema
        self.version = Self.version
        self.stage = stage
        self.mail = mail
        self.reason = reason
        self.payload = payload
    }
}

package enum ContractError: Error, Equatable {
    case unreadable
    case unknownSchema(String)
    case unknownVersion(Int)
    case tooMany(Int)
}

extension MailHint {
    package func encoded() throws -> [UInt8] { try encodeSorted(self) }

    /// Reads version 1; anything else is an error that parks the hint.
    package static func decode(_ bytes: [UInt8], schema: String) throws(ContractError) -> MailHint {
        guard let hint = try? JSONDecoder().decode(MailHint.self, from: Data(bytes)) else { throw .unreadable }
        guard hint.schema == schema else { throw .unknownSchema(String(hint.schema.prefix(64))) }
        guard hint.version == 1 else { throw .unknownVersion(hint.version) }
        guard hint.mails.count <= maximumEntries else { throw .tooMany(hint.mails.count) }
        return hint
    }
}

extension BusMessage {
    package func encoded() throws -> [UInt8] { try encodeSorted(self) }

    package static func decode(_ bytes: [UInt8]) throws(ContractError) -> Self {
        guard let head = try? JSONDecoder().decode(MessageHead.self, from: Data(bytes)) else { throw .unreadable }
        guard head.schema == schema else { throw .unknownSchema(String(head.schema.prefix(64))) }
        guard head.version == version else { throw .unknownVersion(head.version) }
        guard let message = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { throw .unreadable }
        return message
    }
}

private struct MessageHead: Codable {
    let schema: String
    let version: Int
}

/// Sorted keys, so that a golden file stays the same.
private func encodeSorted(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(value))
}
