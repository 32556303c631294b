package import AMQP
import MailQueue
package import QueueContracts

/// RabbitMQ: whether it answers, has the queues, and somebody reads them.
package struct BrokerCheck: Sendable {
    private let broker: AMQPAdmin
    private let type: QueueType

    package init(broker: AMQPAdmin, type: QueueType) {
        self.broker = broker
        self.type = type
    }

    package func run() async -> [Finding] {
        do throws(AMQPError) {
            let missing = try await Topology.missing(broker, queueType: type)
            guard missing.isEmpty else {
                return [
                    Finding(
                        "broker", "RabbitMQ", .problem, "missing: \(missing.joined(separator: ", "))",
                        why: "Hints get lost; mail then moves only when the sweeper looks.",
                        advice: "Run: martlet topology --apply   (and let MARTLET_QUEUES_TYPE be the daemons')")
                ]
            }
            var findings = [Finding("broker", "RabbitMQ", .ok, "answers, all exchanges and queues are there")]
            for queue in Queue.allCases {
                guard let depth = try await broker.depth(ofQueue: type.name(of: queue)) else { continue }
                findings.append(Self.judge(queue, messages: depth.messages, consumers: depth.consumers))
            }
            return findings
        } catch {
            return [
                Finding(
                    "broker", "RabbitMQ", .problem, "does not answer: \(DomainCheck.shown("\(error)"))",
                    why: "Mail is still taken and kept, but hardly moves until it is back.",
                    advice:
                        "Is it running, and is MARTLET_AMQP_URL right? Here: `systemctl status rabbitmq-server`."
                )
            ]
        }
    }

    package static func judge(_ queue: Queue, messages: Int, consumers: Int) -> Finding {
        // Parked notices wait for a person.
        if queue == .parked {
            guard messages > 0 else { return Finding("queue", queue.rawValue, .ok, "empty") }
            return Finding(
                "queue", queue.rawValue, .note, "\(messages) notices of work that was given up",
                advice: "`martlet queue parked` lists what still is.")
        }
        guard consumers > 0 else {
            return Finding(
                "queue", queue.rawValue, .problem, "\(messages) hints, and nobody reads them",
                why: "Its stage stands still.", advice: "Start its daemon; `martlet status` shows which ones run.")
        }
        return Finding("queue", queue.rawValue, .ok, "\(messages) hints, \(consumers) readers")
    }
}
