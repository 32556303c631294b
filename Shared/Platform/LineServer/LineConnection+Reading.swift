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
        scanned = 0
        if readPaused, input.readableBytes < limits.readAhead {
            readPaused = false
            channel.read()
        }
    }

    // MARK: For the session

    /// The next line. `maximum` counts the CRLF; `timeout` is for the whole command, silence before it included.
    package func readLine(maximum: Int, timeout: Duration) async throws(LineError) -> Line {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        var begun: NIODeadline?
        while true {
            if let line = nextLine(maximum) { return line }
            if input.readableBytes > 0 || skipping {
                begun = begun ?? NIODeadline.now() + TimeAmount(limits.commandDeadline)
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
        scanned = 0
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
        while true {
            guard let end = endOfLine() else {
                if skipping {
                    dropAllButLastByte()
                    return nil
                }
                guard input.readableBytes >= maximum else { return nil }
                skipping = true
                dropAllButLastByte()
                return .tooLong
            }
            if skipping {
                skipping = false
                input.moveReaderIndex(forwardBy: end + 2)
                consumed()
                continue
            }
            guard end + 2 <= maximum, let bytes = input.readBytes(length: end) else {
                input.moveReaderIndex(forwardBy: end + 2)
                consumed()
                return .tooLong
            }
            input.moveReaderIndex(forwardBy: 2)
            consumed()
            return .line(bytes)
        }
    }

    /// A CR may be the first half of the line's end.
    private func dropAllButLastByte() {
        if input.readableBytes > 1 { input.moveReaderIndex(forwardBy: input.readableBytes - 1) }
        consumed()
    }

    /// Where the next CRLF is. Looks at each byte once, however they come.
    private func endOfLine() -> Int? {
        let (found, seen) = input.withUnsafeReadableBytes { bytes -> (Int?, Int) in
            var index = scanned
            while index + 1 < bytes.count {
                guard let offset = bytes[index...].firstIndex(of: 0x0D) else { return (nil, bytes.count) }
                if offset + 1 == bytes.count { return (nil, offset) }
                if bytes[offset + 1] == 0x0A { return (offset, offset) }
                index = offset + 1
            }
            return (nil, index)
        }
        scanned = seen
        return found
    }
}
