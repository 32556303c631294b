import AMQP
import MailCore
import MailQueue
import QueueContracts
import Testing

@Suite struct HintBatchTests {
    private func entries(_ count: Int) -> [MailHint.Entry] {
        (0..<count).map { _ in MailHint.Entry(mail: .next(), traceparent: .start()) }
    }

    private func delivery(
        _ tag: UInt64, _ mails: [MailHint.Entry], redelivered: Bool = false
    ) -> AMQPDelivery { delivery(tag, MailHint.accepted(mails).encoded(), redelivered: redelivered) }

    private func delivery(
        _ tag: UInt64, _ body: [UInt8], redelivered: Bool = false, isTruncated: Bool = false
    ) -> AMQPDelivery {
        AMQPDelivery(
            tag: tag, redelivered: redelivered, exchange: "martlet.mail", routingKey: "mail.accepted", body: body,
            isTruncated: isTruncated)
    }

    private func split(_ deliveries: [AMQPDelivery], maximum: Int = 256) -> [HintBatch] {
        HintBatch.split(deliveries, schema: RoutingKey.mailAccepted, maximum: maximum)
    }

    @Test func `everything that has arrived is one batch, each mail once`() {
        let mails = entries(5)
        let batches = split([delivery(1, Array(mails[0..<3])), delivery(2, Array(mails[1..<5]))])
        #expect(batches.count == 1)
        #expect(batches[0].mails == mails && batches[0].last.tag == 2)
    }

    @Test func `a batch holds at most the maximum`() {
        let batches = split((1...10).map { delivery($0, entries(100)) })
        #expect(batches.map(\.mails.count) == [200, 200, 200, 200, 200])
        #expect(batches.map(\.last.tag) == [2, 4, 6, 8, 10])
    }

    @Test func `one delivery larger than the maximum is still taken`() {
        #expect(split([delivery(1, entries(100))], maximum: 10).map(\.mails.count) == [100])
    }

    @Test func `redelivered hints are kept apart, in order`() {
        let batches = split([
            delivery(1, entries(1)), delivery(2, entries(1), redelivered: true),
            delivery(3, entries(1), redelivered: true), delivery(4, entries(1)),
        ])
        #expect(batches.map(\.isRedelivered) == [false, true, false])
        #expect(batches.map(\.last.tag) == [1, 3, 4])
    }

    @Test(arguments: [
        ("", "unreadable"), ("{", "unreadable"), ("[]", "unreadable"), ("\0\u{ff}", "unreadable"),
        (#"{"schema":"mail.accepted","version":2,"mails":[]}"#, "unknownVersion(2)"),
        (#"{"schema":"mail.classified","version":1,"mails":[]}"#, #"unknownSchema("mail.classified")"#),
        (#"{"schema":"mail.accepted","version":1,"mails":[{"mail":"x","traceparent":"y"}]}"#, "unreadable"),
        (#"{"schema":"mail.accepted","version":3,"what":"else"}"#, "unknownVersion(3)"),
        (String(repeating: "[", count: 100_000), "unreadable"),
        (String(repeating: "{\"mails\":", count: 10_000), "unreadable"),
        (String(repeating: "x", count: 200_000), "tooLong"),
    ])
    func `what is no hint is kept as text, cut to 1 KiB, beside the others`(body: String, reason: String) {
        let good = entries(1)
        let batches = split([delivery(1, good), delivery(2, Array(body.utf8)), delivery(3, entries(1))])
        #expect(batches.count == 1 && batches[0].mails.count == 2)
        #expect(batches[0].unreadable.map(\.reason) == [reason])
        #expect(batches[0].unreadable.allSatisfy { $0.payload.utf8.count <= 1024 })
    }

    @Test func `a cut body is unreadable`() {
        let batches = split([delivery(1, MailHint.accepted(entries(1)).encoded(), isTruncated: true)])
        #expect(batches[0].mails.isEmpty && batches[0].unreadable.map(\.reason) == ["tooLong"])
    }

    @Test func `bytes that are not UTF-8 become text`() {
        let batches = split([delivery(1, [0xFF, 0xFE, 0x41])])
        #expect(batches[0].unreadable.map(\.payload) == ["\u{FFFD}\u{FFFD}A"])
    }
}
