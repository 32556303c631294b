/// Every exchange, queue and routing key name of the system, once. They are public interface: an operator reads them.
package enum Exchange: String, Sendable, CaseIterable {
    /// topic: hints that a mail has work at a stage
    case mail = "martlet.mail"
    /// fanout: a mailbox changed, look again
    case mailbox = "martlet.mailbox"
    /// fanout: a new model version is there
    case model = "martlet.model"
    /// topic: telemetry and subscriptions to it
    case watch = "martlet.watch"
    /// topic: notices of work that was given up for now
    case parked = "martlet.parked"

    package var kind: String {
        switch self {
        case .mail, .watch, .parked: "topic"
        case .mailbox, .model: "fanout"
        }
    }
}

/// The durable queues, each bound to one exchange by its literal routing key.
package enum Queue: String, Sendable, CaseIterable {
    case classify = "mail.classify"
    case file = "mail.file"
    case parked = "mail.parked"

    package var exchange: Exchange { self == .parked ? .parked : .mail }

    package var routingKey: String {
        switch self {
        case .classify: RoutingKey.mailAccepted
        case .file: RoutingKey.mailClassified
        case .parked: RoutingKey.parked
        }
    }
}

package enum RoutingKey {
    package static let mailAccepted = "mail.accepted"
    package static let mailClassified = "mail.classified"
    package static let mailboxChanged = "mailbox.changed"
    package static let modelPublished = "model.published"
    package static let parked = "mail.parked"
    /// Telemetry: a daemon's metrics and state, every few seconds: `daemon.<name>`.
    package static func daemon(_ name: String) -> String { "daemon.\(name)" }
}

/// Queue arguments per type. RabbitMQ 3.10 refuses an argument of the other type with 406.
package enum QueueType: String, Sendable, CaseIterable {
    case classic, quorum

    /// Hints per queue; the work rows hold the truth, so a refused publish only means "the sweeper tells later".
    package static let lengthLimit = 200_000

    package func arguments() -> [(key: String, value: QueueArgument)] {
        switch self {
        case .classic:
            [("x-queue-version", .integer(2)), ("x-max-length", .integer(Int64(Self.lengthLimit))), ("x-overflow", .text("reject-publish"))]
        case .quorum:
            [("x-queue-type", .text("quorum")), ("x-max-length", .integer(Int64(Self.lengthLimit))), ("x-overflow", .text("reject-publish"))]
        }
    }

    /// Quorum queues live under their own names, so that both can exist while an operator moves.
    package func name(of queue: Queue) -> String { self == .classic ? queue.rawValue : "\(queue.rawValue).quorum" }
}

package enum QueueArgument: Sendable, Hashable {
    case integer(Int64)
    case text(String)
}
