package import Logging
import MailCore
package import QueueContracts
package import SASL
import ServiceKit
package import Storage

/// What sessions stand on; one per process.
package struct IMAPServices: Sendable {
    /// Judges credentials that came from the client of that key (`LineConnection.peerKey`).
    package typealias Authenticate = @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome

    package let mailboxes: MailboxStore
    package let messages: MessageStore
    package let appends: AppendStore
    package let registry: MailboxRegistry
    private let summaries = SummaryCache()
    package let authenticate: Authenticate
    /// Tells the other processes that mailboxes changed; never blocks.
    package let announce: @Sendable ([MailboxChanged.Mailbox]) -> Void
    /// Tells the classifier that there are lessons; never blocks.
    package let teach: @Sendable ([MailHint.Entry]) -> Void
    /// While the bus is away, NOOP asks the database.
    package let isBusConnected: @Sendable () -> Bool
    package var options: IMAPOptions
    package let logger: Logger

    package init(
        mailboxes: MailboxStore, messages: MessageStore, appends: AppendStore, registry: MailboxRegistry,
        authenticate: @escaping Authenticate, announce: @escaping @Sendable ([MailboxChanged.Mailbox]) -> Void,
        teach: @escaping @Sendable ([MailHint.Entry]) -> Void = { _ in },
        isBusConnected: @escaping @Sendable () -> Bool, options: IMAPOptions, logger: Logger
    ) {
        self.mailboxes = mailboxes
        self.messages = messages
        self.appends = appends
        self.registry = registry
        self.authenticate = authenticate
        self.announce = announce
        self.teach = teach
        self.isBusConnected = isBusConnected
        self.options = options
        self.logger = logger
    }

    func reader(_ selection: Selection) -> RowReader {
        RowReader(messages: messages, cache: summaries, mailbox: selection.mailbox, view: selection.view)
    }

    /// After a commit of this process: its own views first, then the other processes.
    package func changed(_ deltas: [MailboxDelta]) async {
        do {
            try await registry.apply(deltas)
        } catch {
            // The change is committed, so the command has succeeded; the next recheck brings the view up to date.
            logger.info("view not refreshed", metadata: [LogKey.error: "\(type(of: error))"])
        }
        let real = deltas.filter { !$0.isEmpty }
        guard !real.isEmpty else { return }
        announce(
            real.map { MailboxChanged.Mailbox(account: $0.key.account, mailbox: $0.key.mailbox, modseq: $0.after) })
    }
}
