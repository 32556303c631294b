package import QueueContracts
import ServiceLifecycle
import Synchronization

/// Tells the other processes which mailboxes this one has changed: the first at once, and what changes in the moment after
/// that together. The sessions of this process know already, and a hint costs the broker and every process about as much
/// as a command.
package final class ChangeAnnouncer: Service {
    private static let gathering = Duration.milliseconds(10)

    private let waiting = Mutex<[MailboxChanged.Mailbox]>([])
    private let changes: AsyncStream<Void>
    private let changed: AsyncStream<Void>.Continuation
    private let tell: @Sendable ([MailboxChanged.Mailbox]) -> Void

    package init(tell: @escaping @Sendable ([MailboxChanged.Mailbox]) -> Void) {
        (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.tell = tell
    }

    /// Never blocks.
    package func announce(_ mailboxes: [MailboxChanged.Mailbox]) {
        let isFirst = waiting.withLock { waiting in
            defer { waiting += mailboxes }
            return waiting.isEmpty
        }
        if isFirst { changed.yield() }
    }

    /// Serves until shutdown; the last changes are told before it ends.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.changes {
                self.tellGathered()
                // Ends early at shutdown.
                try? await Task.sleep(for: Self.gathering)
            }
        }
        tellGathered()
    }

    private func tellGathered() {
        let gathered = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        if !gathered.isEmpty { tell(gathered) }
    }
}
