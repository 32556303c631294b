package import AMQP
package import Logging
import MailCore
import QueueContracts
import ServiceKit
import ServiceLifecycle
import Storage

/// Follows the changes that other processes make: each hint of the bus brings the views it names up to date and wakes
/// the sessions that wait for them. After a reconnect, and every 30 s, one query asks for all watched mailboxes.
package struct MailboxWatcher: Service {
    /// Hints that may be under way at the same time.
    private static let prefetch: UInt16 = 1000

    private let registry: MailboxRegistry
    private let consumer: AMQPConsumer
    private let connects: AsyncStream<Void>
    private let interval: Duration
    private let logger: Logger

    package init(
        registry: MailboxRegistry, configuration: AMQPConfiguration, interval: Duration = .seconds(30), logger: Logger
    ) {
        self.registry = registry
        self.interval = interval
        self.logger = logger
        let (connects, connected) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.connects = connects
        self.consumer = AMQPConsumer(
            configuration: configuration,
            source: .exclusive(
                prefix: "accessd", exchange: Exchange.mailbox.rawValue, routingKeys: [RoutingKey.mailboxChanged]),
            prefetch: Self.prefetch, logger: logger, onConnect: { connected.yield() })
    }

    package var isConnected: @Sendable () -> Bool { { [consumer] in consumer.isConnected } }

    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await consumer.run() }
            group.addTask { await follow() }
            group.addTask { await cancelWhenGracefulShutdown { await recheckAfterConnects() } }
            group.addTask { await cancelWhenGracefulShutdown { await recheckRegularly() } }
        }
    }

    private func follow() async {
        for await batch in consumer.batches {
            var changed: [MailboxChanged.Mailbox] = []
            for delivery in batch {
                do {
                    changed += try MailboxChanged.decode(delivery.body).mailboxes
                } catch {
                    logger.warning("unreadable hint", metadata: [LogKey.error: "\(error)"])
                }
            }
            await refresh(registry.behind(changed))
            if let last = batch.last { consumer.acknowledge(upTo: last) }
        }
    }

    private func refresh(_ behind: [WatchedMailbox]) async {
        guard !behind.isEmpty else { return }
        do {
            try await registry.refresh(behind)
        } catch {
            logger.info("views not refreshed", metadata: [LogKey.count: "\(behind.count)"])
        }
    }

    private func recheckAfterConnects() async {
        for await _ in connects { await recheck() }
    }

    /// The safety net for hints that got lost; on no mail's usual path.
    private func recheckRegularly() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: interval) } catch { return }
            await recheck()
        }
    }

    private func recheck() async {
        do {
            try await registry.recheck()
        } catch {
            logger.info("mailboxes not rechecked", metadata: [LogKey.error: "\(type(of: error))"])
        }
    }
}
