package import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

/// Listens on ports and runs one session per connection. SMTP, IMAP and POP3 stand on it.
///
/// Limits: connections in all and per address, input and output held per connection, time for a handshake, a command
/// and a stalled write (`LineLimits`). All sessions are children of `run()`.
package final class LineServer: Service, Sendable {
    package typealias Session = @Sendable (isolated LineConnection) async -> Void

    private let listeners: [LineListener]
    /// New connections take what is there when they come.
    private let currentLimits: Mutex<LineLimits>
    private let certificates: TLSCertificates?
    private let daemon: String
    private let greetingWhenFull: @Sendable (LineListener) -> [UInt8]
    private let onListening: (@Sendable ([Int]) -> Void)?
    private let logger: Logger
    private let session: Session
    private let census: ConnectionCensus
    private let servers = Mutex<[any Channel]>([])
    private let refusals: RefusalRecord

    /// `onListening` is told the ports in the order of `listeners` once all are open.
    package init(
        listeners: [LineListener], limits: LineLimits, certificates: TLSCertificates?, daemon: String,
        greetingWhenFull: @escaping @Sendable (LineListener) -> [UInt8], logger: Logger,
        onListening: (@Sendable ([Int]) -> Void)? = nil, session: @escaping Session
    ) {
        self.listeners = listeners
        self.currentLimits = Mutex(limits)
        self.certificates = certificates
        self.daemon = daemon
        self.greetingWhenFull = greetingWhenFull
        self.logger = logger
        self.onListening = onListening
        self.session = session
        self.refusals = RefusalRecord(roles: listeners.map(\.role), logger: logger)
        self.census = ConnectionCensus(maximum: limits.maximumConnections, perAddress: limits.perAddress)
    }

    private var limits: LineLimits { currentLimits.withLock { $0 } }

    /// Other limits for connections to come. Event loops and the drain time stay those of the start.
    package func update(_ limits: LineLimits) {
        currentLimits.withLock { $0 = limits }
        census.update(maximum: limits.maximumConnections, perAddress: limits.perAddress)
    }

    /// Connections open now.
    package var connections: Int { census.count }

    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, limits.eventLoops))
        let executors = LoopExecutors(group)
        let (accepted, accept) = AsyncStream.makeStream(of: LineConnection.self)
        do {
            try await listen(group, executors, accept)
            await withTaskCancellationHandler {
                await withGracefulShutdownHandler {
                    await serve(accepted, executors)
                } onGracefulShutdown: {
                    self.beginShutdown(accept, on: group.any())
                }
            } onCancel: {
                self.beginShutdown(accept, on: group.any())
                for connection in census.close() { connection.abort() }
            }
        } catch {
            try? await group.shutdownGracefully()  // the first error is the one to report
            throw error
        }
        try await group.shutdownGracefully()
    }

    private func serve(_ accepted: AsyncStream<LineConnection>, _ executors: LoopExecutors) async {
        let session = session
        await withTaskExecutorPreference(executors.next()) {
            await withDiscardingTaskGroup { group in
                for await connection in accepted {
                    group.addTask(executorPreference: connection.executor) {
                        await connection.serve(session)
                        await self.note(connection)
                    }
                }
            }
        }
    }

    /// A session that began tells its own end.
    private func note(_ connection: LineConnection) async {
        guard connection.listener.tls == .implicit, let failure = await connection.handshakeFailure else { return }
        refusals.note(.handshake, connection, failure: failure)
    }

    // MARK: Listening

    private func listen(
        _ group: MultiThreadedEventLoopGroup, _ executors: LoopExecutors,
        _ accept: AsyncStream<LineConnection>.Continuation
    ) async throws {
        do {
            for listener in listeners {
                let server = try await bootstrap(group, executors, listener, accept)
                    .bind(host: listener.host, port: listener.port).get()
                servers.withLock { $0.append(server) }
                logger.info(
                    "listening",
                    metadata: ["role": "\(listener.role)", "port": "\(server.localAddress?.port ?? listener.port)"])
            }
        } catch {
            for server in servers.withLock({ $0 }) { server.close(promise: nil) }
            throw error
        }
        onListening?(servers.withLock { $0.map { $0.localAddress?.port ?? 0 } })
    }

    private func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ executors: LoopExecutors, _ listener: LineListener,
        _ accept: AsyncStream<LineConnection>.Continuation
    ) -> ServerBootstrap {
        // ServerBootstrap backs off for a second when accept fails for want of descriptors or memory.
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.setUp(channel, executors.of(channel.eventLoop), listener, accept)
                }
            }
    }

    /// Each at once: `childChannelOption` makes a chain of futures of them for each connection.
    private func setOptions(_ channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }  // a socket has them
        try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        try options.setOption(.autoRead, value: false)
        try options.setOption(.allowRemoteHalfClosure, value: true)
        try options.setOption(.maxMessagesPerRead, value: 1)
        try options.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 16384))
        let high = limits.writeBufferHighWater
        try options.setOption(.writeBufferWaterMark, value: .init(low: high / 4, high: high))
    }

    private func setUp(
        _ channel: any Channel, _ executor: LoopExecutor, _ listener: LineListener,
        _ accept: AsyncStream<LineConnection>.Continuation
    ) throws {
        try setOptions(channel)
        let connection = LineConnection(
            channel: channel, executor: executor, listener: listener, limits: limits, certificates: certificates)
        guard census.enter(connection) else {
            refuse(channel, listener, connection)
            return
        }
        channel.closeFuture.whenComplete { _ in self.census.leave(connection) }
        if listener.tls == .implicit, let certificates {
            if SessionTap.isWatched { try channel.pipeline.syncOperations.addHandler(HandshakeTap()) }
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.current()))
        }
        let handler = LineHandler(connection: connection) { connection in
            // Shutdown ended the stream between accept and here.
            if case .terminated = accept.yield(connection) { connection.abort() }
        }
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// Over a limit: one line in clear text where that is understood, then the end.
    private func refuse(_ channel: any Channel, _ listener: LineListener, _ connection: LineConnection) {
        refusals.note(.limit, connection)
        let farewell = listener.tls == .implicit ? [] : greetingWhenFull(listener)
        try? channel.pipeline.syncOperations.addHandler(FarewellHandler(farewell))  // fails only on a closed channel
    }

    // MARK: Shutdown

    private func beginShutdown(_ accept: AsyncStream<LineConnection>.Continuation, on loop: any EventLoop) {
        let servers = servers.withLock { servers in
            defer { servers = [] }
            return servers
        }
        for server in servers { server.close(promise: nil) }
        let open = census.close()
        accept.finish()
        for connection in open {
            connection.channel.eventLoop.execute { connection.assumeIsolated { $0.beginShutdown() } }
        }
        loop.scheduleTask(in: TimeAmount(limits.drain)) {
            for connection in self.census.close() { connection.abort() }
        }
    }
}
