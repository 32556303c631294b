/// The durable queues, each bound to one exchange by its literal routing key.
package enum Queue: String, Sendable, CaseIterable {
    case classify = "mail.classify"
    case file = "mail.file"
    case relay = "mail.relay"
    /// Lessons for the one trainer.
    case learn = "mail.learn"
    case parked = "mail.parked"

    package var exchange: Exchange {
        switch self {
        case .classify, .file, .relay, .learn: .mail
        case .parked: .parked
        }
    }

    package var routingKey: String {
        switch self {
        case .classify: RoutingKey.mailAccepted
        case .file: RoutingKey.mailClassified
        case .relay: RoutingKey.relayRequested
        case .learn: RoutingKey.learnRequested
        case .parked: RoutingKey.parked
        }
    }

    /// One consumer gets all hints, whoever else is there waits to take over from it.
    package var hasSingleActiveConsumer: Bool { self == .learn }
}

package enum QueueArgument: Sendable, Hashable {
    case integer(Int64)
    case text(String)
    case flag(Bool)
}

/// Queue arguments per type. RabbitMQ 3.10 refuses an argument of the other type with 406.
package enum QueueType: String, Sendable, CaseIterable {
    /// One host.
    case classic
    /// A RabbitMQ cluster.
    case quorum

    /// Hints per queue; the work rows hold the truth, so a refused publish only means "the sweeper tells later".
    package static let lengthLimit = 200_000

    package func arguments(of queue: Queue) -> [(key: String, value: QueueArgument)] {
        queue.hasSingleActiveConsumer ? common + [("x-single-active-consumer", .flag(true))] : common
    }

    private var common: [(key: String, value: QueueArgument)] {
        let type: (key: String, value: QueueArgument) =
            switch self {
            case .classic: ("x-queue-version", .integer(2))
            case .quorum: ("x-queue-type", .text("quorum"))
            }
        return [type, ("x-max-length", .integer(Int64(Self.lengthLimit))), ("x-overflow", .text("reject-publish"))]
    }

    /// Quorum queues live under their own names, so that both can exist while an operator moves.
    package func name(of queue: Queue) -> String {
        switch self {
        case .classic: queue.rawValue
        case .quorum: "\(queue.rawValue).quorum"
        }
    }
}
