import DNSResolver
import LineServer
import MailCore
package import NIOCore
import SMTPGrammar

extension SMTPClientConnection {
    /// Above this the socket is not read: one hostile server must not fill the memory.
    private static let inputLimit = 64 * 1024
    private static let outputChunk = 64 * 1024

    // MARK: - From the channel

    func received(_ buffer: ByteBuffer) {
        bytesIn += buffer.readableBytes
        if input.readableBytes == 0 {
            input = buffer
        } else {
            var buffer = buffer
            input.writeBuffer(&buffer)
        }
        signal()
    }

    func wantsMoreInput() -> Bool {
        if isClosed { return false }
        readPaused = input.readableBytes >= Self.inputLimit
        return !readPaused
    }

    func handshakeCompleted() {
        isSecure = true
        signal()
    }

    func failed(_ reason: String) {
        if wireFailure == nil { wireFailure = reason }
        signal()
    }

    func closed() {
        isClosed = true
        timer?.cancel()
        timer = nil
        output = Self.empty
        signal()
    }

    // MARK: - Waiting

    func signal() {
        hasHappened = true
        guard let waiter else { return }
        self.waiter = nil
        waiter.resume()
    }

    /// Suspends until anything happens on the channel, or has happened since the last such wait; false when the deadline
    /// passed.
    ///
    /// Any `await` may let the event loop run other things first: what happens while nobody waits is remembered, and the
    /// last look at it is in the same step that registers the waiter.
    func wait(until deadline: NIODeadline) async -> Bool {
        await withUnsafeContinuation { continuation in
            precondition(waiter == nil, "two tasks wait on one connection")
            guard !isClosed, !hasHappened else { return continuation.resume() }
            self.deadline = deadline
            waiter = continuation
            arm(deadline)
        }
        hasHappened = false
        return isClosed || NIODeadline.now() < deadline
    }

    private func arm(_ deadline: NIODeadline) {
        if timer != nil, timerDeadline <= deadline { return }
        timer?.cancel()
        timer = nil
        guard deadline != .distantFuture,
            let timer = try? channel.eventLoop.scheduleCallback(at: deadline, handler: self)
        else { return }  // throws only when the loop is already shut down, where nothing waits any more
        self.timer = timer
        timerDeadline = deadline
    }

    fileprivate func timerFired() {
        timer = nil
        guard waiter != nil else { return }
        if deadline <= NIODeadline.now() { signal() } else { arm(deadline) }
    }

    // MARK: - Reading

    /// The next whole reply. The deadline is for all of it.
    func readReply(until deadline: NIODeadline) async throws(WireFault) -> SMTPRemoteReply {
        push()
        var waited = false
        while true {
            if let reply = try bufferedReply() { return reply }
            if isClosed { throw .closed(wireFailure) }
            if !waited { roundTrips += 1 }
            waited = true
            if await !wait(until: deadline) { throw .timeout }
        }
    }

    /// A reply that has already arrived.
    func bufferedReply() throws(WireFault) -> SMTPRemoteReply? {
        guard input.readableBytes > 0 else { return nil }
        let outcome = input.withUnsafeReadableBytes { bytes in
            Result { () throws(SMTPReplyError) in try parser.next(bytes) }
        }
        switch outcome {
        case .failure(let error): throw .notSMTP(error)
        case .success(let (reply, taken)):
            input.moveReaderIndex(forwardBy: taken)
            if input.readableBytes == 0 {
                input = Self.empty
            } else if input.readerIndex >= Self.inputLimit {
                input.discardReadBytes()
            }
            if readPaused, input.readableBytes < Self.inputLimit, !isClosed {
                readPaused = false
                channel.read()
            }
            if let reply { show(reply) }
            return reply
        }
    }

    // MARK: - Writing

    func write(_ bytes: [UInt8]) {
        output.writeBytes(bytes)
        if output.readableBytes >= Self.outputChunk { push() }
    }

    func push() {
        guard output.readableBytes > 0, !isClosed else { return }
        bytesOut += output.readableBytes
        channel.pipeline.syncOperations.writeAndFlush(NIOAny(output), promise: nil)
        output = Self.empty
    }

    /// Waits while the server has too much still to take; ends early when it says something.
    func flush(until deadline: NIODeadline) async throws(WireFault) {
        push()
        var left = pendingBytes
        var stall = NIODeadline.now() + TimeAmount(timeouts.dataBlock)
        while !channel.isWritable, !isClosed, input.readableBytes == 0 {
            if await !wait(until: min(stall, deadline)) { throw .timeout }
            let now = pendingBytes
            if now < left { stall = .now() + TimeAmount(timeouts.dataBlock) }
            left = now
        }
        if isClosed, input.readableBytes == 0 { throw .closed(wireFailure) }
    }

    private var pendingBytes: Int {
        (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0  // throws only on a closed channel
    }

    // MARK: - The end

    /// Closes without a word.
    func drop(_ reason: String) {
        closeReason = reason
        if !isClosed { channel.close(promise: nil) }
    }

    /// Leaves a summary behind.
    func finish() {
        let summary = summary
        SessionTap.remember(summary)
        milestone(.closed(summary))
    }

    // MARK: - The tap

    private var summary: SessionSummary {
        SessionSummary(
            id: id, role: "relay", peer: address.description, localPort: channel.localAddress?.port ?? 0,
            openedAt: openedAt, closedAt: .now(), secure: isSecure, bytesIn: bytesIn, bytesOut: bytesOut,
            roundTrips: roundTrips, reason: closeReason)
    }

    /// Tells a line or a reply to whoever watches; it is not built when nobody does, or when there is no room for it.
    func event(_ event: @autoclosure () -> SessionEvent) {
        if SessionTap.isWatched { SessionTap.emit(passing: event, in: id) { summary } }
    }

    /// Tells what the session is: its beginning and end, its encryption.
    func milestone(_ event: @autoclosure () -> SessionEvent) {
        if SessionTap.isWatched { SessionTap.emit(id, event()) { summary } }
    }

    /// Our commands, each on its line; there is no secret in them.
    func show(_ commands: [UInt8]) {
        guard SessionTap.isWatched else { return }
        for line in commands.split(separator: UInt8(ascii: "\n")) {
            event(.line(.fromClient, RedactedText(line: line.last == 0x0D ? line.dropLast() : line)))
        }
    }

    private func show(_ reply: SMTPRemoteReply) {
        guard SessionTap.isWatched else { return }
        for (index, line) in reply.lines.enumerated() {
            let separator = index == reply.lines.count - 1 ? " " : "-"
            event(.line(.toClient, RedactedText(line: Array("\(reply.code)\(separator)".utf8) + line)))
        }
        event(.reply(code: reply.code))
    }
}

extension SMTPClientConnection: NIOScheduledCallbackHandler {
    package nonisolated func handleScheduledCallback(eventLoop: some EventLoop) {
        assumeIsolated { $0.timerFired() }
    }
}
