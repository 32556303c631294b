import MailWire
package import NIOCore

extension LineConnection {
    /// No session may leave more than this waiting; only a peer that closes its side after a flood gets there.
    private static let inputLimit = 1024 * 1024

    /// Bytes are waiting: the client pipelines.
    package var hasInput: Bool { input.readableBytes > 0 }

    /// The client has closed its side, or the connection is gone: what takes long may not be wanted any more.
    package var hasPeerLeft: Bool { isClosed || inputHasEnded }

    // MARK: From the channel

    func received(_ buffer: ByteBuffer) {
        bytesIn += buffer.readableBytes
        guard !isDiscarding else { return }
        if input.readableBytes == 0 {
            input = buffer
        } else {
            var buffer = buffer
            input.writeBuffer(&buffer)
        }
        if input.readableBytes > Self.inputLimit {
            failed("input flood")
            channel.close(promise: nil)
        } else {
            signal(.input)
        }
    }

    func wantsMoreInput() -> Bool {
        if inputHasEnded || isClosed { return false }
        if input.readableBytes < limits.readAhead { return true }
        readPaused = true
        return false
    }

    private func consumed() {
        if input.readableBytes == 0 {
            input = Self.empty
        } else if input.readerIndex >= limits.readAhead {
            // A client that pipelines without end, or whose line has none, never lets the buffer run empty.
            input.discardReadBytes()
        }
        framer.restart()
        if readPaused, input.readableBytes < limits.readAhead {
            readPaused = false
            channel.read()
        }
    }

    // MARK: For the session

    /// The next line. `maximum` counts the CRLF; `timeout` is for the whole command, silence before it included;
    /// `deadline` is for a line that has begun, `LineLimits.commandDeadline` unless it is given.
    package func readLine(
        maximum: Int, timeout: Duration, deadline whole: Duration? = nil
    ) async throws(LineError) -> Line {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        var begun: NIODeadline?
        while true {
            if let line = nextLine(maximum) { return line }
            if input.readableBytes > 0 || framer.isSkipping {
                begun = begun ?? NIODeadline.now() + TimeAmount(whole ?? limits.commandDeadline)
            } else if isShuttingDown {
                throw .shuttingDown
            }
            try await waitForMore(until: min(deadline, begun ?? deadline), [.input, .shutdown])
        }
    }

    /// Whatever has arrived, at least one byte.
    package func readSome(timeout: Duration) async throws(LineError) -> ByteBuffer {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        while input.readableBytes == 0 { try await waitForMore(until: deadline, .input) }
        let taken = input
        input = Self.empty
        consumed()
        return taken
    }

    /// Lends what has arrived; `body` says how many bytes it took. What it leaves still counts as waiting input, so that
    /// reading from the socket stays paused. `nil` when nothing is there.
    package func takeInput<Result>(_ body: (UnsafeRawBufferPointer) -> (Int, Result)) -> Result? {
        guard input.readableBytes > 0 else { return nil }
        let (taken, result) = input.withUnsafeReadableBytes { body($0) }
        input.moveReaderIndex(forwardBy: min(max(taken, 0), input.readableBytes))
        consumed()
        return result
    }

    /// At least one byte, at most `count`.
    package func readUpTo(_ count: Int, timeout: Duration) async throws(LineError) -> ByteBuffer {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        while input.readableBytes == 0 { try await waitForMore(until: deadline, .input) }
        let taken = input.readSlice(length: min(count, input.readableBytes)) ?? Self.empty
        consumed()
        return taken
    }

    /// Exactly `count` bytes, which the caller has bounded.
    package func readExactly(_ count: Int, timeout: Duration) async throws(LineError) -> ByteBuffer {
        var whole = try await readUpTo(count, timeout: timeout)
        while whole.readableBytes < count {
            var more = try await readUpTo(count - whole.readableBytes, timeout: timeout)
            whole.writeBuffer(&more)
        }
        return whole
    }

    /// Gives back what follows the end of DATA or of a literal.
    package func unread(_ rest: ByteBuffer) {
        guard rest.readableBytes > 0 else { return }
        var rest = rest
        if input.readableBytes > 0 { rest.writeBuffer(&input) }
        input = rest
        framer.restart()
    }

    /// Waits without reading: until input is there, `wake()` was called, or time is up (IMAP IDLE).
    package func waitForInput(timeout: Duration) async throws(LineError) -> LineWait {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        while true {
            if wakePending.take() { return .woken }
            if input.readableBytes > 0 { return .input }
            if isShuttingDown { throw .shuttingDown }
            do {
                try await waitForMore(until: deadline, [.input, .wake, .shutdown])
            } catch .timeout {
                return .timedOut
            }
        }
    }

    // MARK: Inside

    private func waitForMore(until deadline: NIODeadline, _ interest: Interest) async throws(LineError) {
        if inputHasEnded || isClosed { throw .closed }
        let seen = bytesIn
        try await flush()
        // `flush` may have waited, and input may have come meanwhile.
        if bytesIn != seen { return }
        if inputHasEnded || isClosed { throw .closed }
        if interest.contains(.wake), wakePending.isRaised { return }
        let waited = await wait(interest, until: deadline)
        if bytesIn != seen { roundTrips += 1 }
        if !waited { throw .timeout }
        if input.readableBytes == 0, isClosed { throw failure == "input flood" ? .tooMuch : .closed }
    }

    /// `nil` when more bytes are needed.
    private func nextLine(_ maximum: Int) -> Line? {
        let (taken, outcome) = input.withUnsafeReadableBytes { framer.next(in: $0, maximum: maximum) }
        guard taken > 0 || outcome != .needMore else { return nil }
        var line: [UInt8] = []
        if case .line(let range) = outcome {
            line = input.getBytes(at: input.readerIndex + range.lowerBound, length: range.count) ?? []
        }
        input.moveReaderIndex(forwardBy: taken)
        consumed()
        switch outcome {
        case .needMore: return nil
        case .line: return .line(line)
        case .tooLong: return .tooLong
        }
    }
}
