package import MailCore

/// Everything that is known of one mail's way, from acceptance to where it is now.
package struct MailTrace: Sendable, Codable {
    package struct Recipient: Sendable, Codable {
        package let number: Int
        package let address: String
        package let account: Int64?
    }

    package struct Event: Sendable, Codable {
        package let event: String
        package let at: String
        /// Since acceptance.
        package let seconds: Double
        /// 0: of the mail as a whole.
        package let recipient: Int
        package let detail: [String: TraceValue]
    }

    /// Where a copy is now.
    package struct Copy: Sendable, Codable {
        package let account: Int64
        package let mailbox: String
        package let uid: Int64
        package let isSeen: Bool
    }

    package struct Work: Sendable, Codable {
        package let stage: String
        package let recipient: Int
        package let since: String
        package let attempts: Int
        package let nextHintAt: String
        package let parkedAt: String?
        package let lastError: String?
        /// Of a copy for another host, once relayd knows of it.
        package let relay: Relay?
    }

    /// When a copy for another host is tried, and what was heard so far.
    package struct Relay: Sendable, Codable {
        package let domain: String
        /// Attempts that ended without success.
        package let tries: Int
        /// `nil` while it is being delivered, or parked.
        package let nextAttemptAt: String?
        package let expiresAt: String
        package let lastReply: String?
        package let lastHost: String?
        /// No connection to the domain before, and why.
        package let heldUntil: String?
        package let heldBecause: String?
    }

    package let mail: MailID
    package let receivedAt: String
    package let origin: String
    package let envelopeFrom: String
    package let size: Int64
    package let traceparent: String
    package let recipients: [Recipient]
    package let events: [Event]
    package let verdict: Verdict?
    package let copies: [Copy]
    package let work: [Work]
    package let lessons: [Lesson]
    package let learning: Learning?

    /// Filed everywhere, nothing left to do.
    package var isFinished: Bool { work.isEmpty }
}

/// A value in the detail of an event.
package enum TraceValue: Sendable, Codable, Hashable, CustomStringConvertible {
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    case text(String)
    case list([TraceValue])
    case object([String: TraceValue])
    case nothing

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // Each `try?` asks "is it of this type"; the last one reports.
        if container.decodeNil() {
            self = .nothing
        } else if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([TraceValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: TraceValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .flag(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        case .nothing: try container.encodeNil()
        }
    }

    package var description: String {
        switch self {
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .flag(let value): value ? "yes" : "no"
        case .text(let value): value
        case .list(let values): values.map(\.description).joined(separator: ", ")
        case .object(let values):
            values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        case .nothing: "-"
        }
    }
}
