import AMQP
import IMAPServer
import LineServer
import MailQueue
import POP3Server
import PostgreSQL
import ServiceKit
import ServiceLifecycle
import SessionWatch
import Storage

/// martlet-accessd: gives people their mailboxes over IMAP and POP3; either can be switched off.
///
/// Consumes `MailboxChanged` (its own exclusive queue), publishes `MailboxChanged` for its own changes, and
/// `LearnRequested` when someone moves or copies mail into or out of Junk.
/// Stores flags, copies, moves, expunges and APPENDs; leases of maildrops; reads bodies in chunks.
/// Standards: RFC 3501 with 2177 2342 2971 3691 4315 4731 4959 5032 5161 5258 5530 5819 6154 6851 7888 8438;
/// RFC 1939 with 2449 2595 3206 5034 8314.
/// Limits: `IMAPLimits`, `IMAPOptions`, `POP3Limits`, `POP3Configuration`, `LineLimits`.
@main
enum Main {
    static func main() async {
        await Daemon.main(
            "accessd", description: "gives people their mailboxes over IMAP and POP3"
        ) { settings, logger in
            let access = try AccessSettings(settings, logger)
            let pool = PostgresPool(configuration: access.postgres, logger: logger)
            let publisher = AMQPPublisher(configuration: access.amqp, logger: logger)
            let hints = HintPublisher(publisher: publisher)
            let announcer = ChangeAnnouncer { hints.mailboxChanged($0) }
            let registry = MailboxRegistry(store: MailboxStore(pool: pool))
            let watcher = MailboxWatcher(registry: registry, configuration: access.amqp, logger: logger)
            let authenticator = Authenticator(
                accounts: AccountStore(pool: pool), failuresPerMinute: access.live.failuresPerMinute)
            let imap = IMAPServices(
                mailboxes: MailboxStore(pool: pool), messages: MessageStore(pool: pool),
                appends: AppendStore(pool: pool),
                registry: registry, authenticate: { await authenticator.authenticate($0, from: $1) },
                announce: { announcer.announce($0) }, teach: { hints.learnRequested($0) },
                isBusConnected: watcher.isConnected, options: access.live.options,
                logger: logger)
            let leases = MaildropLeases(
                store: MaildropStore(pool: pool), holder: settings.instance, logger: logger)
            let pop3 = POP3Service(
                configuration: access.live.pop3, leases: leases, messages: MessageStore(pool: pool),
                authenticate: { await authenticator.authenticate($0, from: $1) },
                changed: { await imap.changed([$0]) }, logger: logger)
            let current = LiveSetting(access.live)
            let server = LineServer(
                listeners: access.listeners, limits: access.live.limits, certificates: access.certificates,
                daemon: "accessd",
                greetingWhenFull: { $0.isPOP3 ? POP3Service.greetingWhenFull : IMAPSession.greetingWhenFull },
                logger: logger
            ) { connection in
                if connection.listener.isPOP3 {
                    var service = pop3
                    service.configuration = current.value.pop3
                    await service.serve(connection)
                } else {
                    var services = imap
                    services.options = current.value.options
                    await IMAPSession(services).run(on: connection)
                }
            }
            settings.onReload { settings in
                let live = try AccessSettings.Live(settings)
                return {
                    current.set(live)
                    server.update(live.limits)
                    authenticator.update(failuresPerMinute: live.failuresPerMinute)
                }
            }
            let reporter = TelemetryReporter(daemon: "accessd", settings: settings, publisher: publisher) {
                await Readiness.postgres(pool) + Readiness.broker(publisher)
                    + (watcher.isConnected() || !access.servesIMAP ? [] : ["RabbitMQ is not connected for consuming"])
            }
            let watch = SessionWatch(daemon: "accessd", amqp: access.amqp, publisher: publisher, logger: logger)
            let following: [any Service] = access.servesIMAP ? [watcher] : []
            return [pool, publisher, announcer] + following + [leases, reporter, watch, server]
        }
    }
}
