package import Logging
import MailCore
import ServiceKit
import ServiceLifecycle
import Storage

/// Keeps the open streams up to date: once a second while there are any, not at all otherwise.
///
/// Viewers of the same scope share one look at the database. When a look takes long, the next one waits 20 times as
/// long (but 15 seconds at most), so that watching hardly ever takes more than a twentieth of a connection's time. What
/// does not need the database (the subscription, signs of life, the door) does not wait for it either.
package actor LiveView: Service {
    private static let interval = Duration.seconds(1)
    private static let subscription = Duration.seconds(5)
    private static let stall = Duration.seconds(30)
    /// For the last words to somebody who may no longer watch.
    private static let farewell = Duration.seconds(5)
    private static let longestPause = Duration.seconds(15)
    /// Every so many looks the mails under way are read again, though no event says so.
    private static let fullLook = 5

    private let hub: StreamHub
    private let reader: Reader
    private let sessions: SessionBoard
    private let desk: LoginDesk
    private let heartbeat: Duration
    private let logger: Logger
    private var scopes: [WatchScope: LiveScope] = [:]
    private var looks = 0
    private var subscribedAt: ContinuousClock.Instant?
    private var subscribed: (Bool, [Int64]) = (false, [])
    private var beatAt = ContinuousClock.now

    package init(
        hub: StreamHub, reader: Reader, sessions: SessionBoard, desk: LoginDesk, heartbeat: Duration = .seconds(10),
        logger: Logger
    ) {
        self.hub = hub
        self.reader = reader
        self.sessions = sessions
        self.desk = desk
        self.heartbeat = heartbeat
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.watch() }
                group.addTask { await self.checkTokens() }
                group.addTask { await self.tend() }
            }
        }
    }

    private func watch() async {
        for await _ in hub.arrivals() {
            while hub.isWatched, !Task.isCancelled {
                let began = ContinuousClock.now
                await look()
                // A cancelled sleep is the end; so are those below.
                try? await Task.sleep(for: min(max(Self.interval, (.now - began) * 20), Self.longestPause))
            }
            scopes = [:]
        }
    }

    private func checkTokens() async {
        for await _ in hub.arrivals() {
            while hub.isWatched, !Task.isCancelled {
                for client in hub.clients { await check(client) }
                try? await Task.sleep(for: heartbeat)
            }
        }
    }

    private func tend() async {
        for await _ in hub.arrivals() {
            while hub.isWatched, !Task.isCancelled {
                subscribe()
                for client in hub.clients { tend(client) }
                if .now - beatAt >= heartbeat {
                    beatAt = .now
                    for client in hub.clients { client.beat() }
                }
                try? await Task.sleep(for: Self.interval)
            }
            if subscribedAt != nil { sessions.unsubscribe() }
            subscribedAt = nil
        }
    }

    // MARK: - One look

    private func look() async {
        looks += 1
        for (scope, clients) in Dictionary(grouping: hub.clients, by: \.viewer.scope) {
            guard let viewer = clients.first?.viewer else { continue }
            await refresh(scope, viewer)
        }
        let present = Set(hub.clients.map(\.viewer.scope))
        scopes = scopes.filter { present.contains($0.key) }
    }

    private func refresh(_ scope: WatchScope, _ viewer: Viewer) async {
        var live = scopes[scope] ?? LiveScope()
        let news = await live.look(reader, viewer, isFull: looks % Self.fullLook == 0, logger)
        scopes[scope] = live
        for client in hub.clients where client.viewer.scope == scope {
            for item in news { client.offer(item.name, key: item.key, item.data) }
        }
    }

    /// A new stream gets the state of things at once.
    func welcome(_ client: StreamClient) async {
        subscribe()
        let scope = client.viewer.scope
        if scopes[scope] == nil { await refresh(scope, client.viewer) }
        for item in scopes[scope]?.all ?? [] { client.offer(item.name, key: item.key, item.data) }
    }

    /// The daemons tell as long as they are asked again in time.
    private func subscribe() {
        let interest = hub.interest
        let isSame = interest.everything == subscribed.0 && interest.accounts == subscribed.1
        if isSame, let subscribedAt, .now - subscribedAt < Self.subscription { return }
        guard interest.everything || !interest.accounts.isEmpty else { return }
        subscribed = interest
        subscribedAt = .now
        sessions.subscribe(everything: interest.everything, accounts: interest.accounts)
    }

    /// The door, for those who take nothing or may no longer watch.
    private func tend(_ client: StreamClient) {
        let isStalled = client.stalledSince.map { .now - $0 > Self.stall } ?? false
        let isOver = client.endedAt.map { .now - $0 > Self.farewell } ?? false
        if isStalled || isOver {
            client.cut()
            hub.leave(client)
        }
        if client.expiresAt <= .now() { client.end(.expired) }
    }

    private func check(_ client: StreamClient) async {
        do {
            if try await desk.session(of: client.token) == nil { client.end(.revoked) }
        } catch {
            // The database does not answer: a stream that was good stays, and shows just that.
            logger.debug("a token could not be checked", metadata: [LogKey.error: "\(type(of: error))"])
        }
    }
}
