import IMAPServer
import MailCore
import QueueContracts
import Synchronization
import Testing

struct ChangeAnnouncerTests {
    private final class Told: Sendable {
        let messages = Mutex<[[Int64]]>([])
    }

    private func change(_ modseq: Int64) -> [MailboxChanged.Mailbox] {
        [.init(account: AccountID(1), mailbox: MailboxID(2), modseq: modseq)]
    }

    @Test func `all changes are told, those of one moment together, the last ones at the end`() async {
        let told = Told()
        let announcer = ChangeAnnouncer { mailboxes in told.messages.withLock { $0.append(mailboxes.map(\.modseq)) } }
        for modseq in 1...3 { announcer.announce(change(Int64(modseq))) }
        await withThrowingTaskGroup { group in
            group.addTask { try await announcer.run() }
            while told.messages.withLock({ $0.isEmpty }) { await Task.yield() }
            #expect(told.messages.withLock { $0 } == [[1, 2, 3]])
            announcer.announce(change(4))
            group.cancelAll()
        }
        #expect(told.messages.withLock { $0.flatMap(\.self) } == [1, 2, 3, 4])
    }
}
