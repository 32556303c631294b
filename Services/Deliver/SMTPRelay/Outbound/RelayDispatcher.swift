import LineServer
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
    /// The leases of the runs.
    private let running = Mutex<Set<RelayLease>>([])
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
    private var leases: Set<RelayLease> { running.withLock(\.self) }

    private func dispatch() async {
        await withDiscardingTaskGroup { group in
            var pause = Duration.milliseconds(100)
            var forgetAt = ContinuousClock.now + Self.forgetInterval
            var revokeAt = ContinuousClock.now
            var wakes = wakeUps.stream.makeAsyncIterator()
            while !stopping {
                do {
                    let room = Room(leases, services.limits)
                    if .now >= revokeAt {
                        let revoked = try await services.store.revokeExpired(limit: 16, except: leases.map(\.fence))
                        revokeAt = revoked == 16 ? .now : .now + Self.longestSleep
                    }
                    let taken = try await take(room)
                    for lease in taken { start(lease, in: &group) }
                    pause = .milliseconds(100)
                    if ContinuousClock.now >= forgetAt {
                        _ = try await services.store.forgetIdle()
                        forgetAt = .now + Self.forgetInterval
                    }
                    await sleep(try await untilNextLook(room, taken.count, &revokeAt), &wakes)
                } catch {
                    services.logger.warning("a look for due mail failed", metadata: [LogKey.error: "\(error)"])
                    await sleep(pause, &wakes)
                    pause = min(pause * 2, Self.longestSleep)
                }
            }
            // The runs end after the mail they are at, and wake us.
            let deadline = ContinuousClock.now + Self.patience
            while !leases.isEmpty, .now < deadline, !Task.isCancelled {
                await sleep(deadline - .now, &wakes)
            }
            group.cancelAll()
        }
    }

    private func start(_ lease: RelayLease, in group: inout DiscardingTaskGroup) {
        _ = running.withLock { $0.insert(lease) }
        services.recorder.runBegins()
        let executor = SMTPClientConnection.executors.next()
        group.addTask(executorPreference: executor) {
            var run = DestinationRun(lease: lease, services: self.services, executor: executor)
            await run.run(
                isStopping: { self.stopping || Task.isCancelled },
                onMore: { if self.hasSlot(lease.domain) { self.wake() } })
            self.services.recorder.runEnded()
            _ = self.running.withLock { $0.remove(lease) }
            self.wake()
        }
    }

    /// Whether another connection to a domain may be allowed, as far as this process knows.
    private func hasSlot(_ domain: String) -> Bool {
        leases.count { $0.domain == domain } < services.limits.perDestination
    }

    /// How many more connections may be used.
    private struct Room {
        let free: Int
        /// Of them, for domains that no account of ours has written to.
        let strangers: Int

        init(_ running: Set<RelayLease>, _ limits: RelayLimits) {
            free = max(0, limits.connections - running.count)
            strangers = min(free, max(0, limits.strangers - running.count { !$0.isWrittenTo }))
        }
    }

    private func take(_ room: Room) async throws -> [RelayLease] {
        guard room.free > 0 else { return [] }
        return try await services.leases.take(
            limit: min(room.free, 32), slots: services.limits.perDestination, strangers: room.strangers)
    }

    /// The end of a run wakes us; while no connection is free there is nothing else to wait for.
    private func untilNextLook(
        _ room: Room, _ taken: Int, _ revokeAt: inout ContinuousClock.Instant
    ) async throws -> Duration {
        if room.free <= taken { return Self.longestSleep }
        if taken > 0 { return Self.shortestSleep }
        let outlook = try await services.store.outlook(
            slots: services.limits.perDestination, strangers: room.strangers > 0, except: leases.map(\.fence))
        if let end = outlook.untilLeaseEnds { revokeAt = min(revokeAt, .now + end) }
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
