package import AMQP
package import QueueContracts

/// Declares what QueueContracts names: by AMQP on a broker that is somebody else's, or as definitions (see
/// `BrokerDefinitions`) on our own. Daemons declare nothing durable; their users may not.
package enum Topology {
    /// The definitions of exchanges, queues, bindings, users and their permissions, as `rabbitmqctl import_definitions`
    /// takes them.
    /// - Parameter passwords: of the broker users by name (`martlet_smtpd` ...); only these users get entries.
    package static func definitions(
        queueType: QueueType, vhost: String = "/", passwords: [String: String] = [:]
    ) -> String {
        BrokerDefinitions(queueType: queueType, vhost: vhost, passwords: passwords).json
    }

    /// Declares exchanges, queues and bindings; what is there already stays. Throws `.refused(406)` when something
    /// with the same name has other properties.
    package static func apply(_ admin: AMQPAdmin, queueType: QueueType) async throws(AMQPError) {
        for exchange in Exchange.allCases { try await admin.declareExchange(exchange.rawValue, kind: exchange.kind) }
        for queue in Queue.allCases {
            let name = queueType.name(of: queue)
            try await admin.declareQueue(
                name,
                arguments: queueType.arguments(of: queue).map { argument in
                    switch argument.value {
                    case .integer(let number): (argument.key, .integer(number))
                    case .text(let text): (argument.key, .text(text))
                    case .flag(let isSet): (argument.key, .flag(isSet))
                    }
                })
            try await admin.bind(queue: name, exchange: queue.exchange.rawValue, routingKey: queue.routingKey)
        }
    }

    /// What is missing on the broker; empty when all is there. Needs no permission.
    package static func missing(_ admin: AMQPAdmin, queueType: QueueType) async throws(AMQPError) -> [String] {
        var missing: [String] = []
        for exchange in Exchange.allCases where try await !admin.exchangeExists(exchange.rawValue) {
            missing.append("exchange \(exchange.rawValue)")
        }
        for queue in Queue.allCases where try await admin.depth(ofQueue: queueType.name(of: queue)) == nil {
            missing.append("queue \(queueType.name(of: queue))")
        }
        return missing
    }
}
