package import DNSResolver
package import Logging
import MailCore
package import MailQueue
package import PostgreSQL
package import QueueContracts
import ServiceKit
import Storage

/// Outbound delivery, put together: hints come in by `admit`, the services do the rest.
package struct Relay: Sendable {
    package let leases: LeaseKeeper
    package let recorder: RelayRecorder
    package let dispatcher: RelayDispatcher
    private let store: RelayStore
    private let schedule: LiveSetting<RelaySchedule>
    private let limits: LiveSetting<RelayLimits>

    /// - Parameters:
    ///   - helo: this host's own name; also who reports failures.
    ///   - port: where mail hosts listen.
    package init(
        pool: PostgresPool, hints: HintPublisher, resolver: DNSResolver, policy: AddressPolicy, helo: String,
        port: Int, schedule: RelaySchedule, limits: RelayLimits, logger: Logger
    ) {
        let connector = RelayConnector(
            route: { await MXRoute.resolve($0, resolver: resolver, policy: policy) },
            open: { host, address, patience in
                var timeouts = ClientTimeouts()
                timeouts.opening = min(timeouts.opening, patience)
                do throws(RelayFailure) {
                    return .success(
                        try await SMTPClientConnection.open(
                            host: host, address: address, port: port, helo: helo, policy: policy, timeouts: timeouts))
                } catch {
                    return .failure(error)
                }
            })
        self.init(
            pool: pool, hints: hints, connector: connector, host: helo, schedule: schedule, limits: limits,
            logger: logger)
    }

    /// With connections of any kind.
    package init(
        pool: PostgresPool, hints: HintPublisher, connector: RelayConnector, host: String, schedule: RelaySchedule,
        limits: RelayLimits, logger: Logger
    ) {
        let store = RelayStore(pool: pool)
        let lease = limits.lease
        let schedule = LiveSetting(schedule)
        let limits = LiveSetting(limits)
        let reporter = FailureReporter(host: host)
        let signer = RelaySigner(
            keys: DomainKeyStore(pool: pool), accounts: AccountStore(pool: pool), logger: logger)
        let leases = LeaseKeeper(
            // A restarted process is another holder, with the same name of its host.
            store: store, holder: "\(host) \(UUIDv7.next())", duration: lease, logger: logger)
        let recorder = RelayRecorder(
            store: store, holds: { schedule.value.delays }, logger: logger, notify: reporter.notification(of:)
        ) { record in
            RelayMetrics.count(record)
            hints.announce(
                .classify, record.notifications.map { MailHint.Entry(mail: $0.mail, traceparent: $0.traceparent) })
        }
        let services = RelayServices(
            store: store, leases: leases, recorder: recorder,
            contents: RelayContents(store: store, messages: MessageStore(pool: pool)) { origin, submitter, message in
                try await signer.signature(origin: origin, submitter: submitter, message: message, at: .now())
            },
            connector: connector, schedule: schedule, limits: limits, logger: logger
        ) { parked in
            for mail in parked {
                hints.parked(
                    ParkedNotice(stage: "relay", mail: mail, reason: "the relay ended during the attempt"))
            }
        }
        self.leases = leases
        self.recorder = recorder
        self.dispatcher = RelayDispatcher(services: services)
        self.store = store
        self.schedule = schedule
        self.limits = limits
    }

    /// Another schedule and other limits from now on; the length of leases stays.
    package func update(schedule: RelaySchedule, limits: RelayLimits) {
        self.schedule.set(schedule)
        self.limits.set(limits)
    }

    /// Returns when the mails' copies have their times; the hints may be acknowledged then.
    package func admit(_ entries: [MailHint.Entry]) async throws {
        let mails = Set(entries.map(\.mail)).sorted()
        guard !mails.isEmpty else { return }
        if try await store.admit(mails, expiry: schedule.value.expiry) > 0 { dispatcher.wake() }
    }
}

extension SMTPClientConnection: RelayConnection {
    package func canGoOn() async -> Bool { isUsable }
}

extension RelayMetrics {
    static func count(_ record: RelayRecord) {
        delivered.increment(by: record.delivered)
        deferred.increment(by: record.deferred)
        failed.increment(by: record.failed)
        lost.increment(by: record.lost)
        notifications.increment(by: record.notifications.count)
        untold.increment(by: record.untold)
    }
}
