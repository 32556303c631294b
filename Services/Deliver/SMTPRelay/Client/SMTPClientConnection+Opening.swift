package import DNSResolver
import LineServer
import NIOCore
import NIOPosix
import NIOSSL
import SMTPGrammar

extension SMTPClientConnection {
    /// Connects, greets and encrypts.
    ///
    /// - Parameters:
    ///   - helo: our own name; a host that goes by it is ourselves.
    ///   - policy: asked once more about the address, so that no caller can forget it.
    ///   - tls: when an offered TLS can't be set up, a second connection goes without (RFC 7435 3).
    package static func open(
        host: MXHost, address: IPAddress, port: Int, helo: String, policy: AddressPolicy, tls: TLS = .opportunistic,
        timeouts: ClientTimeouts = ClientTimeouts()
    ) async throws(RelayFailure) -> SMTPClientConnection {
        guard policy.refusal(of: address) == nil else {
            let reply = RelayReply(
                status: "5.4.6", "The host's address may not be connected to", host: host.name, step: .connect)
            throw RelayFailure(.forbiddenAddress, reply)
        }
        let deadline = NIODeadline.now() + TimeAmount(timeouts.opening)
        let trouble: String
        do {
            return try await establish(host, address, port, helo, tls, timeouts, deadline)
        } catch {
            guard error.code == .tls, tls == .opportunistic else { throw error }
            trouble = error.reply.text.description
        }
        let connection = try await establish(host, address, port, helo, .off, timeouts, deadline)
        await connection.note(missingTLS: trouble)
        return connection
    }

    /// Whether a server can be greeted by this name: a host name with its domain (RFC 5321 4.1.1.1, 2.3.5), without
    /// which many refuse us, or an address literal.
    package static func canGreet(as name: String) -> Bool {
        guard SMTPClientCommand.ehlo(name).bytes != nil else { return false }
        return name.hasPrefix("[") || name.contains(".") && !name.contains("_")
    }

    private func note(missingTLS trouble: String) { missingTLS = trouble }

    private static func establish(
        _ host: MXHost, _ address: IPAddress, _ port: Int, _ helo: String, _ tls: TLS, _ timeouts: ClientTimeouts,
        _ deadline: NIODeadline
    ) async throws(RelayFailure) -> SMTPClientConnection {
        let connection: SMTPClientConnection
        do {
            let target = try SocketAddress(ipAddress: address.description, port: port)
            let patience = min(TimeAmount(timeouts.connect), max(deadline - NIODeadline.now(), .milliseconds(1)))
            connection = try await bootstrap(patience).connect(to: target) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = SMTPClientConnection(
                        channel: channel, host: host.name, address: address, timeouts: timeouts,
                        openDeadline: deadline)
                    try channel.pipeline.syncOperations.addHandler(ClientChannelHandler(connection))
                    return connection
                }
            }
        } catch {
            let reply = RelayReply(
                status: "4.4.1", "No connection: \(WireFault.reason(error))", host: host.name, step: .connect,
                isHostFault: true)
            throw RelayFailure(.unreachable, reply)
        }
        do {
            try await withTaskCancellationHandler {
                try await connection.greet(helo, tls)
            } onCancel: {
                connection.channel.close(promise: nil)
            }
        } catch let failure as RelayFailure {
            await connection.abandon("not_opened")
            throw failure
        } catch {
            await connection.abandon("not_opened")
            throw connection.fault(.unreachable, "4.4.2", WireFault.reason(error), .greeting)
        }
        return connection
    }

    private static func bootstrap(_ patience: TimeAmount) -> ClientBootstrap {
        // On the loop of the caller, if it has one.
        ClientBootstrap(group: MultiThreadedEventLoopGroup.currentEventLoop ?? MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(patience)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: false)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 1024, maximum: 16384)
            )
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 * 1024, high: 256 * 1024))
    }

    // MARK: - Greeting

    private func greet(_ helo: String, _ tls: TLS) async throws(RelayFailure) {
        milestone(.opened(role: "relay", peer: address.description, localPort: channel.localAddress?.port ?? 0))
        let greeting = try await answer(.greeting)
        guard greeting.code == 220 else { throw refused(greeting, .greeting) }
        try await sayHello(helo)
        guard tls == .opportunistic, offer.startTLS, try await askForTLS() else { return }
        try await startTLS()
        // RFC 3207 4.2: what was learnt in clear text is forgotten.
        offer = SMTPServerOffer()
        try await sayHello(helo)
    }

    private func sayHello(_ helo: String) async throws(RelayFailure) {
        try send(.ehlo(helo), .hello)
        let reply = try await answer(.hello)
        if reply.isPositive {
            offer = SMTPServerOffer(reply)
        } else if reply.isPermanent {
            // RFC 5321 3.2: an old server knows only HELO.
            try send(.helo(helo), .hello)
            let reply = try await answer(.hello)
            guard reply.isPositive else { throw refused(reply, .hello) }
            offer = SMTPServerOffer()
            offer.name = SMTPServerOffer(reply).name
        } else {
            throw refused(reply, .hello)
        }
        guard offer.name == helo.lowercased() else { return }
        // Only a name with its domain is one host's alone: half the world calls itself `localhost`.
        guard Self.canGreet(as: helo) else {
            throw fault(.refusedByHost, "4.4.6", "The host goes by this server's own name, \(helo)", .hello)
        }
        throw fault(.loop, "5.4.6", "Routing loop: the host answers with this server's own name", .hello)
    }

    /// Whether the server is ready for a handshake. Refusing it (454) is its right.
    private func askForTLS() async throws(RelayFailure) -> Bool {
        try send(.startTLS, .tls)
        let reply = try await answer(.tls)
        if reply.code == 421 { throw refused(reply, .tls) }
        guard reply.code == 220 else {
            missingTLS = "STARTTLS was answered with \(reply.code) \(RedactedText(line: reply.text))"
            return false
        }
        // What came with the reply was said by somebody in between, or by a server that can't be trusted with TLS.
        guard input.readableBytes == 0 else {
            throw fault(.protocolError, "4.7.0", "Clear text behind the answer to STARTTLS", .tls)
        }
        return true
    }

    private func startTLS() async throws(RelayFailure) {
        do {
            let tls = try ClientTLS.handler(hostName)
            if SessionTap.isWatched {
                // First of all, because TLS says its hello as soon as it is added.
                let tap = HandshakeTap(asClient: true)
                try channel.pipeline.syncOperations.addHandler(tap, position: .first)
                try channel.pipeline.syncOperations.addHandler(tls, position: .after(tap))
            } else {
                try channel.pipeline.syncOperations.addHandler(tls, position: .first)
            }
        } catch {
            throw fault(.tls, "4.7.5", "TLS could not begin", .tls)
        }
        let deadline = min(openDeadline, .now() + TimeAmount(timeouts.handshake))
        while !isSecure {
            guard !isClosed, wireFailure == nil else { throw fault(.tls, "4.7.5", "The TLS handshake failed", .tls) }
            if await !wait(until: deadline) {
                drop("handshake_timeout")
                throw fault(.tls, "4.7.5", "The TLS handshake took too long", .tls)
            }
        }
        let tap = try? channel.pipeline.syncOperations.handler(type: HandshakeTap.self)  // not there when unwatched
        milestone(.tls(tap?.finished(showing: []) ?? TLSHandshake()))
    }

    // MARK: - Words

    private func send(_ command: SMTPClientCommand, _ step: RelayReply.Step) throws(RelayFailure) {
        guard let bytes = command.bytes else {
            throw fault(.protocolError, "4.3.5", "This server's own name is no host name", step)
        }
        show(bytes)
        write(bytes)
    }

    private func answer(_ step: RelayReply.Step) async throws(RelayFailure) -> SMTPRemoteReply {
        do {
            return try await readReply(until: min(openDeadline, .now() + TimeAmount(timeouts.greeting)))
        } catch {
            if case .notSMTP = error { throw fault(.protocolError, "4.5.0", error.text, step) }
            throw fault(.unreachable, "4.4.2", error.text, step)
        }
    }

    private func refused(_ reply: SMTPRemoteReply, _ step: RelayReply.Step) -> RelayFailure {
        RelayFailure(.refusedByHost, RelayReply(reply, host: hostName, step: step, isHostFault: true))
    }

    private nonisolated func fault(
        _ code: RelayFailure.Code, _ status: String, _ text: String, _ step: RelayReply.Step
    ) -> RelayFailure {
        RelayFailure(code, RelayReply(status: status, text, host: hostName, step: step, isHostFault: code != .loop))
    }
}
