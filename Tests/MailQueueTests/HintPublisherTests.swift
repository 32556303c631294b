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

    @Test func `changes that come while another is told go together, the last of each mailbox`() throws {
        let sent = Mutex<[[MailboxChanged.Mailbox]]>([])
        let later = Mutex<(@Sendable () -> Void)?>(nil)
        @Sendable func change(_ mailbox: Int64, _ modseq: Int64) -> MailboxChanged.Mailbox {
            .init(account: AccountID(1), mailbox: MailboxID(mailbox), modseq: modseq)
        }
        let hints = HintPublisher { exchange, routingKey, body in
            #expect(exchange == .mailbox && routingKey == "mailbox.changed")
            guard let told = try? MailboxChanged.decode(body) else { return false }
            sent.withLock { $0.append(told.mailboxes.sorted { $0.mailbox < $1.mailbox }) }
            later.withLock { (later) -> (@Sendable () -> Void)? in
                defer { later = nil }
                return later
            }?()
            return true
        }
        later.withLock {
            $0 = {
                hints.mailboxChanged([change(1, 8), change(2, 3)])
                hints.mailboxChanged([change(1, 9), change(1, 7)])
            }
        }
        hints.mailboxChanged([change(1, 5)])
        hints.mailboxChanged([change(3, 1)])
        #expect(sent.withLock { $0 } == [[change(1, 5)], [change(1, 9), change(2, 3)], [change(3, 1)]])
    }

    @Test func `after a burst the next hint waits for what comes, after a few mails it does not`() async throws {
        let sent = Mutex<[Int]>([])
        let hints = HintPublisher(pause: .milliseconds(200)) { _, key, body in
            guard let hint = try? MailHint.decode(body, schema: key) else { return false }
            sent.withLock { $0.append(hint.mails.count) }
            return true
        }
        func announce(_ mails: Int) {
            hints.announce(.file, (0..<mails).map { _ in MailHint.Entry(mail: .next(), traceparent: .start()) })
        }
        for mails in [1, 3, 4, 1, 2] { announce(mails) }
        #expect(sent.withLock { $0 } == [1, 3, 4])
        for _ in 0..<500 where sent.withLock({ $0.count }) < 4 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(sent.withLock { $0 } == [1, 3, 4, 3])
    }

    @Test func `says when a hint was not taken`() {
        let hints = HintPublisher { _, _, _ in false }
        #expect(!hints.announce(.file, [MailHint.Entry(mail: .next(), traceparent: .start())]))
        #expect(hints.announce(.file, []))
    }
}
