import QueueContracts
import Testing

/// Names are public interface.
@Suite struct TopologyNamesTests {
    @Test func `exchanges`() {
        #expect(
            Exchange.allCases.map { "\($0.rawValue) \($0.kind)" } == [
                "martlet.mail topic", "martlet.mailbox fanout", "martlet.model fanout", "martlet.watch topic",
                "martlet.parked topic",
            ])
    }

    @Test func `queues, where they are bound, and their names by type`() {
        #expect(
            Queue.allCases.map { "\($0.rawValue) <- \($0.exchange.rawValue) \($0.routingKey)" } == [
                "mail.classify <- martlet.mail mail.accepted", "mail.file <- martlet.mail mail.classified",
                "mail.relay <- martlet.mail relay.requested", "mail.learn <- martlet.mail learn.requested",
                "mail.parked <- martlet.parked mail.parked",
            ])
        #expect(Queue.allCases.map(QueueType.classic.name(of:)) == Queue.allCases.map(\.rawValue))
        #expect(QueueType.quorum.name(of: .classify) == "mail.classify.quorum")
    }

    /// RabbitMQ 3.10 answers 406 to an argument of the other type.
    @Test func `arguments of one type never occur in the other`() {
        let classic = QueueType.classic.arguments(of: .file).map(\.key)
        #expect(classic == ["x-queue-version", "x-max-length", "x-overflow"])
        #expect(QueueType.quorum.arguments(of: .file).map(\.key) == ["x-queue-type", "x-max-length", "x-overflow"])
        for type in QueueType.allCases {
            for queue in Queue.allCases {
                let arguments = type.arguments(of: queue)
                #expect(arguments.contains { $0.key == "x-overflow" && $0.value == .text("reject-publish") })
                #expect(arguments.contains { $0.key == "x-single-active-consumer" } == (queue == .learn))
            }
        }
    }
}
