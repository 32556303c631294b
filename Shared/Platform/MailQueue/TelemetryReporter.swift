package import AMQP
package import PostgreSQL
import QueueContracts
package import ServiceKit
import ServiceLifecycle
import Storage

#if canImport(Glibc)
    import Glibc
#endif

/// Publishes a `DaemonReport` at start, every 5 seconds and once more at the end.
package struct TelemetryReporter: Service {
    private let daemon: String
    private let instance: String
    private let publisher: AMQPPublisher
    private let interval: Duration
    private let readiness: @Sendable () async -> [String]
    private let startedAt = nowText()

    /// - Parameter readiness: why the daemon cannot do its duty just now, in plain words; empty: it can.
    package init(
        daemon: String, settings: Settings, publisher: AMQPPublisher, interval: Duration = .seconds(5),
        readiness: @escaping @Sendable () async -> [String]
    ) {
        self.daemon = daemon
        self.instance = settings.instance
        self.publisher = publisher
        self.interval = interval
        self.readiness = readiness
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var pause = Duration.milliseconds(250)
            while !Task.isCancelled {
                // While the broker is away, soon again at first: at start the first report should not be late.
                pause = publish(await readiness()) ? interval : min(interval, pause * 2)
                // Sleep ends early at shutdown.
                try? await Task.sleep(for: pause)
            }
        }
        publish(["stopping"])
    }

    @discardableResult
    private func publish(_ reasons: [String]) -> Bool {
        let report = DaemonReport(
            daemon: daemon, instance: instance, host: HostName.current, pid: getpid(), startedAt: startedAt,
            reasons: reasons,
            rss: ProcessMetrics.residentBytes(), metrics: MetricsRegistry.snapshot().families)
        // Encoding numbers and strings does not fail.
        guard let body = try? report.encoded() else { return true }
        return publisher.publish(
            exchange: Exchange.watch.rawValue, routingKey: RoutingKey.daemon(daemon), body: body, mandatory: false,
            persistent: false)
    }
}

/// The parts that every daemon asks before it says "ready".
package enum Readiness {
    package static func postgres(_ pool: PostgresPool) async -> [String] {
        await Ping(pool: pool).answers(within: .seconds(2)) ? [] : ["PostgreSQL does not answer"]
    }

    package static func broker(_ publisher: AMQPPublisher, _ consumers: [AMQPConsumer] = []) -> [String] {
        var reasons: [String] = []
        if !publisher.isConnected { reasons.append("RabbitMQ is not connected for publishing") }
        if publisher.statistics.isBlocked { reasons.append("RabbitMQ has an alarm and takes no messages") }
        if !consumers.allSatisfy(\.isConnected) { reasons.append("RabbitMQ is not connected for consuming") }
        return reasons
    }
}

private func nowText() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return rfc3339(seconds: now.tv_sec, milliseconds: now.tv_nsec / 1_000_000)
}
