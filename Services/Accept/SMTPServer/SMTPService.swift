package import LineServer
package import Logging
import MailCore
package import SASL
import ServiceKit
package import Storage

/// What sessions work with: the storage behind closures, so that a session runs in a test without one. Those that each mail
/// needs run where the session does (`nonsending`): a change of executor is a turn of the event loop.
package struct SMTPService: Sendable {
    /// What `resolve` is asked for mail to `<Postmaster>`: whoever has that name in the first hosted domain.
    package static let postmaster = "postmaster"

    package var configuration: SMTPConfiguration
    package var resolve: nonisolated(nonsending) @Sendable (String) async throws -> AccountStore.Resolution
    package var authenticate: @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome
    package var submit: nonisolated(nonsending) @Sendable (AcceptedMail) async -> AcceptanceOutcome
    package var openSink: @Sendable () async throws -> any MessageIntake.Sink
    package var logger: Logger
    private let guessing: GuessLimiter
    /// What sessions to come are configured with.
    private let latest: LiveSetting<SMTPConfiguration>

    package init(
        configuration: SMTPConfiguration, logger: Logger,
        resolve: nonisolated(nonsending) @escaping @Sendable (String) async throws -> AccountStore.Resolution,
        authenticate: @escaping @Sendable (Credentials, _ peer: String) async -> Authenticator.Outcome,
        submit: nonisolated(nonsending) @escaping @Sendable (AcceptedMail) async -> AcceptanceOutcome,
        openSink: @escaping @Sendable () async throws -> any MessageIntake.Sink
    ) {
        self.configuration = configuration
        self.latest = LiveSetting(configuration)
        self.resolve = resolve
        self.authenticate = authenticate
        self.submit = submit
        self.openSink = openSink
        self.logger = logger
        self.guessing = GuessLimiter(
            perMinute: configuration.badRecipientsPerMinute, burst: configuration.badRecipientsPerMinute * 4)
    }

    /// Another configuration for connections to come.
    package func update(_ configuration: SMTPConfiguration) {
        latest.set(configuration)
        guessing.update(
            perMinute: configuration.badRecipientsPerMinute, burst: configuration.badRecipientsPerMinute * 4)
    }

    /// One connection, from greeting to end.
    package func serve(_ connection: isolated LineConnection) async {
        let role = SMTPRole(rawValue: connection.listener.role) ?? .mx
        var service = self
        service.configuration = latest.value
        var session = SMTPSession(service: service, role: role, isSecure: connection.isSecure)
        await session.run(connection)
    }

    /// What a client hears for whom there is no room (RFC 5321 4.2.1).
    package var greetingWhenFull: [UInt8] {
        Array("421 4.7.0 \(configuration.hostname) Too many connections, try again later\r\n".utf8)
    }

    func countBadRecipient(_ peer: String) { _ = guessing.take(peer) }
    func isGuessing(_ peer: String) -> Bool { guessing.isExhausted(peer) }
}
