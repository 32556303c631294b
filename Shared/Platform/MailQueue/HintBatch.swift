package import AMQP
import MailCore
package import QueueContracts

/// Consecutive deliveries whose mails are processed and acknowledged together.
package struct HintBatch: Sendable, Hashable {
    /// A delivery that is no hint of this stage.
    package struct Unreadable: Sendable, Hashable {
        package let reason: String
        /// As text, cut to 1 KiB.
        package let payload: String
    }

    /// Each mail once, in order of arrival.
    package var mails: [MailHint.Entry] = []
    package var unreadable: [Unreadable] = []
    /// The broker has given it out before, to somebody who did not finish: its mails' tries are counted.
    package var isRedelivered = false
    /// Acknowledged, with all before it, when the batch is done.
    package var last: AMQPDelivery

    /// Splits what has arrived into batches of at most `maximum` mails (or one delivery).
    package static func split(_ deliveries: [AMQPDelivery], schema: String, maximum: Int) -> [HintBatch] {
        var batches: [HintBatch] = []
        for delivery in deliveries {
            let next = HintBatch(delivery, schema: schema)
            if var batch = batches.last, batch.isRedelivered == next.isRedelivered,
                batch.mails.count + next.mails.count <= maximum
            {
                batch.mails += next.mails
                batch.unreadable += next.unreadable
                batch.last = next.last
                batches[batches.count - 1] = batch
            } else {
                batches.append(next)
            }
        }
        return batches.map { batch in
            var seen: Set<MailID> = []
            var unique = batch
            unique.mails = batch.mails.filter { seen.insert($0.mail).inserted }
            return unique
        }
    }

    private init(_ delivery: AMQPDelivery, schema: String) {
        last = delivery
        isRedelivered = delivery.redelivered
        do {
            guard !delivery.isTruncated else { throw ContractError.tooLong }
            mails = try MailHint.decode(delivery.body, schema: schema).mails
        } catch {
            unreadable = [Unreadable(reason: "\(error)", payload: Self.excerpt(delivery.body))]
        }
    }

    private static func excerpt(_ body: [UInt8]) -> String {
        // A cut inside a character becomes U+FFFD, as does anything that is not UTF-8.
        String(decoding: body.prefix(ParkedNotice.maximumPayload), as: UTF8.self)
    }
}
