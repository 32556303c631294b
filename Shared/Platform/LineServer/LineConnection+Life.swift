import MailCore
import NIOCore
import NIOSSL

extension LineConnection {
    /// What a client may still send after a fault before it is cut off.
    private static let lingerTime = TimeAmount.seconds(2)
    private static let lingerBytes = 256 * 1024

    /// The whole life of a connection; returns when it is closed or closing.
    func serve(_ session: @Sendable (isolated LineConnection) async -> Void) async {
        milestone(.opened(role: listener.role, peer: peerAddress, localPort: localPort))
        do {
            if listener.tls == .implicit { try await finishHandshake() }
            await session(self)
        } catch {
            closeReason = "tls_failed"
        }
        await finish()
        let summary = summary
        SessionTap.remember(summary)
        milestone(.closed(summary))
    }

    /// Changes to TLS. The caller has answered the command (the reply is still buffered or already sent) and forgets
    /// everything it learnt in clear text (RFC 3207 4.2).
    package func startTLS() async throws(LineError) {
        guard let certificates, !isSecure else { throw .tls("no certificate") }
        guard input.readableBytes == 0 else { throw .pipelinedPlaintext }
        push()
        guard !isClosed else { throw .closed }
        do {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(context: certificates.current()), position: .first)
            if SessionTap.isWatched { try channel.pipeline.syncOperations.addHandler(HandshakeTap(), position: .first) }
        } catch {
            throw .tls("handler: \(error)")
        }
        try await finishHandshake()
    }

    private func finishHandshake() async throws(LineError) {
        let deadline = NIODeadline.now() + TimeAmount(limits.handshakeDeadline)
        while !isSecure {
            if isClosed || inputHasEnded || failure != nil {
                channel.close(promise: nil)
                throw .tls(failure ?? "closed in handshake")
            }
            if await !wait(.handshake, until: deadline) {
                failed("handshake timeout")
                channel.close(promise: nil)
                throw .timeout
            }
        }
        milestone(.tls(handshake))
    }

    /// Empty for a session that began before anybody watched.
    private var handshake: TLSHandshake {
        let tap = try? channel.pipeline.syncOperations.handler(type: HandshakeTap.self)
        return tap?.finished(showing: certificates?.chain ?? []) ?? TLSHandshake()
    }

    /// Says goodbye: all output first; after a fault the client's own output is drained for a moment.
    private func finish() async {
        guard !isClosed else { return }
        let deadline = NIODeadline.now() + Self.lingerTime
        await drainOutput(until: isShuttingDown ? deadline : .now() + TimeAmount(limits.writeStall))
        if lingers || input.readableBytes > 0, !inputHasEnded, !isClosed, !isSecure {
            isDiscarding = true
            input = Self.empty
            if readPaused {
                readPaused = false
                channel.read()
            }
            channel.close(mode: .output, promise: nil)
            let limit = bytesIn + Self.lingerBytes
            while !inputHasEnded, !isClosed, bytesIn < limit, await wait(.input, until: deadline) {}
        }
        if !isClosed { close() }
    }

    /// Over TLS the other side's close_notify is due now (RFC 8446 6.1). Who hangs up instead isn't waited for:
    /// until the library's time limit it would count as one more connection of its address.
    private func close() {
        isClosing = true
        isDiscarding = true
        input = Self.empty
        channel.close(promise: nil)
        if isClosed { return }
        if inputHasEnded { hangUp() } else { channel.read() }
    }

    /// Closes the socket without a word of TLS.
    func hangUp() {
        // The pipeline of a connection in clear text has no such handler: it is closed already.
        try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self).close(promise: nil)
    }

    /// Ends the connection whatever it is doing.
    nonisolated func abort() {
        channel.close(promise: nil)
    }
}
