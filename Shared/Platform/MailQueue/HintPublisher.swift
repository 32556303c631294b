package import AMQP
package import MailCore
package import QueueContracts
import ServiceKit

/// Says on the bus what has been committed. Never blocks, and nothing depends on its being heard: the work rows are the
/// outbox, the mailboxes are rechecked, the newest model is in PostgreSQL.
package final class HintPublisher: Sendable {
    /// Hands one message to the broker; `false` when it is not taken now.
    package typealias Send = @Sendable (_ exchange: Exchange, _ routingKey: String, _ body: [UInt8]) -> Bool

    private let send: Send

    private static let told = Metric.Counter("mail_queue_hints_total", help: "Hints handed to the broker.")
    private static let untold = Metric.Counter(
        "mail_queue_hints_refused_total", help: "Hints that were not sent: broker away or too many waiting.")
    private static let parkedNotices = Metric.Counter("mail_queue_parked_total", help: "Notices of parked work.")

    package init(publisher: AMQPPublisher) {
        self.send = { exchange, routingKey, body in
            // Nobody need listen on a fanout or to telemetry; a hint or notice without a queue is a mistake worth
            // counting.
            publisher.publish(
                exchange: exchange.rawValue, routingKey: routingKey, body: body,
                mandatory: exchange == .mail || exchange == .parked,
                persistent: exchange == .mail || exchange == .parked)
        }
    }

    package init(send: @escaping Send) { self.send = send }

    /// "There is work at this stage for these mails", at most 128 of them per message.
    @discardableResult
    package func announce(_ stage: Stage, _ mails: [MailHint.Entry]) -> Bool {
        let routingKey: String
        switch stage {
        case .classify, .late: routingKey = RoutingKey.mailAccepted
        case .file, .relabel: routingKey = RoutingKey.mailClassified
        case .relay: return false  // nobody relays yet
        }
        var areAllSent = true
        var rest = mails[...]
        while !rest.isEmpty {
            let hint = MailHint(schema: routingKey, mails: Array(rest.prefix(MailHint.maximumEntries)))
            rest = rest.dropFirst(MailHint.maximumEntries)
            if !publish(.mail, routingKey, hint.encoded()) { areAllSent = false }
        }
        return areAllSent
    }

    package func mailboxChanged(_ mailboxes: [MailboxChanged.Mailbox]) {
        var rest = mailboxes[...]
        while !rest.isEmpty {
            let change = MailboxChanged(Array(rest.prefix(MailboxChanged.maximumEntries)))
            rest = rest.dropFirst(MailboxChanged.maximumEntries)
            publish(.mailbox, RoutingKey.mailboxChanged, change.encoded())
        }
    }

    package func modelPublished(_ model: ModelPublished) {
        publish(.model, RoutingKey.modelPublished, model.encoded())
    }

    package func parked(_ notice: ParkedNotice) {
        Self.parkedNotices.increment()
        publish(.parked, RoutingKey.parked, notice.encoded())
    }

    @discardableResult
    private func publish(_ exchange: Exchange, _ routingKey: String, _ body: [UInt8]) -> Bool {
        let isSent = send(exchange, routingKey, body)
        (isSent ? Self.told : Self.untold).increment()
        return isSent
    }
}
