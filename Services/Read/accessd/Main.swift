import AMQP
import IMAPServer
import LineServer
import MailQueue
import PostgreSQL
import ServiceKit
import Storage

/// martlet-accessd: gives people their mailboxes over IMAP.
///
/// Consumes `MailboxChanged` (its own exclusive queue), publishes `MailboxChanged` for its own changes.
/// Stores flags, copies, moves, expunges and APPENDs; reads bodies in chunks.
/// Standards: RFC 3501 with 2177 2342 2971 3691 4315 4731 4959 5032 5161 5258 5530 5819 6154 6851 7888 8438.
/// Limits: `IMAPLimits`, `IMAPOptions`, `LineLimits`.
@main
enum Main {
    static func main() async {
        await Daemon.main(
            "accessd", description: "gives people their mailboxes over IMAP", keys: AccessSettings.keys
        ) { settings, logger in
            let access = try AccessSettings(settings)
            let pool = PostgresPool(configuration: access.postgres, logger: logger)
            let publisher = AMQPPublisher(configuration: access.amqp, logger: logger)
            let hints = HintPublisher(publisher: publisher)
            let registry = MailboxRegistry(store: MailboxStore(pool: pool))
            let watcher = MailboxWatcher(registry: registry, configuration: access.amqp, logger: logger)
            let authenticator = Authenticator(
                accounts: AccountStore(pool: pool), failuresPerMinute: access.failuresPerMinute)
            let imap = IMAPServices(
                mailboxes: MailboxStore(pool: pool), messages: MessageStore(pool: pool),
                appends: AppendStore(pool: pool),
                registry: registry, authenticate: { await authenticator.authenticate($0, from: $1) },
                announce: { hints.mailboxChanged($0) }, isBusConnected: watcher.isConnected, options: access.options,
                logger: logger)
            let server = LineServer(
                listeners: access.listeners, limits: access.limits, certificates: access.certificates,
                daemon: "accessd",
                greetingWhenFull: { _ in Array("* BYE [UNAVAILABLE] Too many connections, try again later\r\n".utf8) },
                logger: logger
            ) { connection in
                await IMAPSession(imap).run(on: connection)
            }
            let reporter = TelemetryReporter(daemon: "accessd", settings: settings, publisher: publisher) {
                await Readiness.postgres(pool) + Readiness.broker(publisher)
                    + (watcher.isConnected() ? [] : ["RabbitMQ is not connected for consuming"])
            }
            return [pool, publisher, watcher, reporter, server]
        }
    }
}
