import MailCore
import MailQueue
import QueueContracts
import Synchronization
import Testing

@Suite struct HintPublisherTests {
    @Test(arguments: [
        (Stage.classify, "mail.accepted"), (.late, "mail.accepted"), (.file, "mail.classified"),
        (.relabel, "mail.classified"),
    ])
    func `a stage is told by its key, at most 128 mails at a time`(stage: Stage, key: String) throws {
        let entries = (0..<300).map { _ in MailHint.Entry(mail: .next(), traceparent: .start()) }
        let sent = Mutex<[[MailHint.Entry]]>([])
        let hints = HintPublisher { exchange, routingKey, body in
            #expect(exchange == .mail && routingKey == key)
            guard let hint = try? MailHint.decode(body, schema: key) else { return false }
            sent.withLock { $0.append(hint.mails) }
            return true
        }
        #expect(hints.announce(stage, entries))
        #expect(sent.withLock { $0.map(\.count) } == [128, 128, 44])
        #expect(sent.withLock { Array($0.joined()) } == entries)
    }

    @Test func `says when a hint was not taken`() {
        let hints = HintPublisher { _, _, _ in false }
        #expect(!hints.announce(.file, [MailHint.Entry(mail: .next(), traceparent: .start())]))
        #expect(hints.announce(.file, []))
    }
}
