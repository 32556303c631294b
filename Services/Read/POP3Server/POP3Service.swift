package import LineServer
package import Logging
import POP3Grammar
package import SASL
package import Storage

/// What sessions stand on; one per process.
package struct POP3Service: Sendable {
    package var configuration: POP3Configuration
    package let leases: MaildropLeases
    package let messages: MessageStore
    /// Judges credentials that came from the client of that key (`LineConnection.peerKey`).
    package let authenticate: @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome
    /// Told of messages that were removed, so that IMAP sessions hear of it.
    package let changed: @Sendable (MailboxDelta) async -> Void
    package let logger: Logger

    package init(
        configuration: POP3Configuration, leases: MaildropLeases, messages: MessageStore,
        authenticate: @escaping @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome,
        changed: @escaping @Sendable (MailboxDelta) async -> Void, logger: Logger
    ) {
        self.configuration = configuration
        self.leases = leases
        self.messages = messages
        self.authenticate = authenticate
        self.changed = changed
        self.logger = logger
    }

    /// One connection, from greeting to end.
    package func serve(_ connection: isolated LineConnection) async {
        var session = POP3Session(service: self, connection)
        await session.run(connection)
    }

    /// What a client hears for whom there is no room.
    package static var greetingWhenFull: [UInt8] { POP3Replies.full.bytes }
}
