package import NIOCore

extension LineConnection {
    /// Above this the buffered replies are handed to the channel without being asked.
    private static let outputChunk = 64 * 1024

    package func write(_ bytes: [UInt8]) {
        output.writeBytes(bytes)
        if output.readableBytes > Self.outputChunk { push() }
    }

    package func write(_ text: String) {
        output.writeString(text)
        if output.readableBytes > Self.outputChunk { push() }
    }

    package func write(_ text: StaticString) {
        output.writeStaticString(text)
    }

    /// Large buffers go out as they are.
    package func write(_ buffer: ByteBuffer) {
        guard buffer.readableBytes < 4096 || output.readableBytes > 0 && buffer.readableBytes < 16384 else {
            push()
            guard !isClosed else { return }
            bytesOut += buffer.readableBytes
            channel.pipeline.syncOperations.writeAndFlush(NIOAny(buffer), promise: nil)
            return
        }
        var buffer = buffer
        output.writeBuffer(&buffer)
        if output.readableBytes > Self.outputChunk { push() }
    }

    /// Sends what is buffered, in one call, without waiting for a slow client.
    package func push() {
        guard output.readableBytes > 0, !isClosed else { return }
        bytesOut += output.readableBytes
        channel.pipeline.syncOperations.writeAndFlush(NIOAny(output), promise: nil)
        output = Self.empty
    }

    /// Sends what is buffered. Waits while the client has too much still to read; one that takes nothing is given up.
    package func flush() async throws(LineError) {
        push()
        if channel.isWritable, !isClosed { return }  // nearly always; to ask what is pending costs more than this
        var left = pendingBytes
        while !channel.isWritable, !isClosed {
            if await wait(.writable, until: .now() + TimeAmount(limits.writeStall)) { continue }
            let now = pendingBytes
            guard now < left else {
                failed("write stalled")
                channel.close(promise: nil)
                throw .timeout
            }
            left = now
        }
        if isClosed { throw .closed }
    }

    /// Sends what is buffered, then lets time pass: for a client that is to be slowed down.
    package func pause(_ duration: Duration) async {
        push()
        let deadline = NIODeadline.now() + TimeAmount(duration)
        while !isClosed, await wait([], until: deadline) {}
    }

    /// Bytes that the kernel has not yet taken.
    private var pendingBytes: Int {
        (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0  // throws only on a closed channel
    }

    /// Waits until the kernel has everything, or until the deadline.
    func drainOutput(until deadline: NIODeadline) async {
        push()
        while !isClosed, pendingBytes > 0 {
            signalWhenWritten()
            if await !wait(.writable, until: deadline) { return }
        }
    }

    /// An empty write completes after all before it.
    private func signalWhenWritten() {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.assumeIsolated { $0.signal(.writable) }
        }
        channel.pipeline.syncOperations.writeAndFlush(NIOAny(Self.empty), promise: promise)
    }
}
