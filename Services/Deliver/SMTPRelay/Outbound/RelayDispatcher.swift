import Logging
import MailCore
import ServiceKit
import ServiceLifecycle
import Storage
import Synchronization

/// Leases destinations that are due and runs a delivery for each; sleeps until the next one is.
package final class RelayDispatcher: Service, Sendable {
    /// Another process may have made something due; it would have told its own dispatcher.
    private static let longestSleep = Duration.seconds(5)
    /// After a look that found nothing to lease although something is due.
    private static let shortestSleep = Duration.milliseconds(200)
    private static let forgetInterval = Duration.seconds(600)
    /// What a run may take to end at shutdown; what it has begun by then is done again by another process.
    private static let patience = Duration.seconds(25)

    private let services: RelayServices
    private let isStopping = Mutex(false)
    private let running = Mutex(0)
    private let wakeUps = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    package init(services: RelayServices) { self.services = services }

    /// Something may be due.
    package func wake() { wakeUps.continuation.yield() }

    package func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await self.dispatch()
            } onCancel: {
                self.stop()
            }
        } onGracefulShutdown: {
            self.stop()
        }
    }

    private func stop() {
        isStopping.withLock { $0 = true }
        wake()
    }

    private var stopping: Bool { isStopping.withLock(\.self) }

    private func dispatch() async {
        await withDiscardingTaskGroup { group in
            var pause = Duration.milliseconds(100)
            var forgetAt = ContinuousClock.now + Self.forgetInterval
            var wakes = wakeUps.stream.makeAsyncIterator()
            while !stopping {
                do {
                    let free = services.limits.connections - running.withLock(\.self)
                    let leases = free > 0 ? try await lease(free) : []
                    for lease in leases { start(lease, in: &group) }
                    pause = .milliseconds(100)
                    if ContinuousClock.now >= forgetAt {
                        _ = try await services.store.forgetIdle()
                        forgetAt = .now + Self.forgetInterval
                    }
                    await sleep(leases.isEmpty ? try await untilNextLook() : Self.shortestSleep, &wakes)
                } catch {
                    services.logger.warning("a look for due mail failed", metadata: [LogKey.error: "\(error)"])
                    await sleep(pause, &wakes)
                    pause = min(pause * 2, Self.longestSleep)
                }
            }
            // The runs end after the mail they are at, and wake us.
            let deadline = ContinuousClock.now + Self.patience
            while running.withLock(\.self) > 0, .now < deadline, !Task.isCancelled {
                await sleep(deadline - .now, &wakes)
            }
            group.cancelAll()
        }
    }

    private func start(_ lease: RelayLease, in group: inout DiscardingTaskGroup) {
        running.withLock { $0 += 1 }
        group.addTask {
            var run = DestinationRun(lease: lease, services: self.services)
            await run.run(isStopping: { self.stopping || Task.isCancelled }, onMore: self.wake)
            self.running.withLock { $0 -= 1 }
            self.wake()
        }
    }

    private func lease(_ free: Int) async throws -> [RelayLease] {
        _ = try await services.store.revokeExpired(limit: 16)
        return try await services.leases.take(limit: min(free, 32), slots: services.limits.perDestination)
    }

    private func untilNextLook() async throws -> Duration {
        let outlook = try await services.store.outlook()
        let next = [outlook.untilDue, outlook.untilLeaseEnds].compactMap(\.self).min() ?? Self.longestSleep
        return min(max(next, Self.shortestSleep), Self.longestSleep)
    }

    /// Until somebody wakes us, at most so long.
    private func sleep(_ length: Duration, _ wakes: inout AsyncStream<Void>.Iterator) async {
        let timer = Task {
            // Cancelled when we are woken.
            try? await Task.sleep(for: length)
            if !Task.isCancelled { self.wake() }
        }
        _ = await wakes.next()
        timer.cancel()
    }
}
