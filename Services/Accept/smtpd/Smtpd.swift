// martlet-smtpd: takes mail by SMTP.
//
//   consumes   nothing
//   publishes  MailAccepted, one hint per committed batch; its telemetry
//   stores     mail, body, recipients, work and history, in one transaction per batch; 250 only after its commit
//   standards  RFC 5321 (SMTP), 6409 (submission), 3207 (STARTTLS), 4954 (AUTH), 8314 (implicit TLS), 2920 (PIPELINING),
//              1870 (SIZE), 6152 (8BITMIME), 2034 and 3463 (enhanced codes), 3848 (trace)
//   limits     50 connections an address, 1,000 recipients and 64 MiB a mail; see --help
import AMQP
import LineServer
import MailCore
import MailQueue
import PostgreSQL
import SMTPServer
import ServiceKit
import ServiceLifecycle
import SessionWatch
import Storage

@main
struct Smtpd {
    static func main() async {
        await Daemon.main("smtpd", description: "takes mail by SMTP") { values, logger in
            let settings = try SMTPSettings(values, logger)
            let pool = PostgresPool(configuration: settings.postgres, logger: logger)
            let publisher = AMQPPublisher(configuration: settings.amqp, logger: logger)
            let hints = HintPublisher(publisher: publisher)
            let acceptance = AcceptanceQueue(
                pool: pool, onCommitted: { hints.announce(.classify, $0) }, outboxMaximum: settings.live.outboxMaximum,
                logger: logger)
            let accounts = AccountStore(pool: pool)
            let postmaster = Postmaster(accounts: accounts)
            let authenticator = Authenticator(accounts: accounts, failuresPerMinute: settings.live.failuresPerMinute)
            let smtp = SMTPService(
                configuration: settings.live.smtp, logger: logger, resolve: postmaster.resolve,
                authenticate: authenticator.authenticate, submit: acceptance.submit,
                openSink: { try await BodyUpload.begin(in: pool) })
            let server = LineServer(
                listeners: settings.listeners, limits: settings.live.limits, certificates: settings.certificates,
                daemon: "smtpd", greetingWhenFull: { _ in smtp.greetingWhenFull }, logger: logger,
                session: smtp.serve)
            values.onReload { values in
                let live = try SMTPSettings.Live(values, offersTLS: settings.certificates != nil)
                return {
                    smtp.update(live.smtp)
                    server.update(live.limits)
                    acceptance.update(outboxMaximum: live.outboxMaximum)
                    authenticator.update(failuresPerMinute: live.failuresPerMinute)
                }
            }
            return [
                pool, publisher, acceptance,
                SessionWatch(daemon: "smtpd", amqp: settings.amqp, publisher: publisher, logger: logger), server,
                TelemetryReporter(daemon: "smtpd", settings: values, publisher: publisher) {
                    await Readiness.postgres(pool) + Readiness.broker(publisher)
                },
            ]
        }
    }
}
