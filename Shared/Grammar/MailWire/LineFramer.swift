import Glibc

/// Finds command lines in a receive buffer. A line ends at CRLF and at nothing else (RFC 5321 2.3.8); a bare CR or LF
/// stays in the line for its parser to refuse.
package struct LineFramer: Sendable {
    package enum Outcome: Sendable, Equatable {
        /// No line end yet. Keep the buffer.
        case needMore
        /// A line of this many bytes begins the buffer; drop it and the two bytes after it.
        case line(length: Int)
        /// The line is above the limit: drop this many bytes and call again with what follows. Bounded memory.
        case discard(bytes: Int)
        /// The end of a line above the limit: drop this many bytes; answer it once.
        case tooLong(bytes: Int)
    }

    /// The longest line accepted, without CRLF.
    package let limit: Int
    private var scanned = 0
    private var isDiscarding = false
    private var discardedCarriageReturn = false

    package init(limit: Int) { self.limit = limit }

    /// `buffer` is everything received and not yet dropped. After `needMore` call with the same bytes and more.
    package mutating func next(in buffer: UnsafeRawBufferPointer) -> Outcome {
        isDiscarding ? skip(in: buffer) : search(in: buffer)
    }

    private mutating func search(in buffer: UnsafeRawBufferPointer) -> Outcome {
        if let end = Self.endOfLine(in: buffer, from: scanned) {
            scanned = 0
            return end <= limit ? .line(length: end) : .tooLong(bytes: end + 2)
        }
        // The last byte may be the CR of a CRLF whose LF is still to come.
        scanned = max(0, buffer.count - 1)
        guard buffer.count > limit + 1 else { return .needMore }
        return startDiscarding(buffer)
    }

    private mutating func startDiscarding(_ buffer: UnsafeRawBufferPointer) -> Outcome {
        scanned = 0
        isDiscarding = true
        discardedCarriageReturn = buffer.last == .carriageReturn
        return .discard(bytes: buffer.count)
    }

    private mutating func skip(in buffer: UnsafeRawBufferPointer) -> Outcome {
        guard !buffer.isEmpty else { return .needMore }
        if discardedCarriageReturn, buffer.first == .lineFeed {
            isDiscarding = false
            return .tooLong(bytes: 1)
        }
        if let end = Self.endOfLine(in: buffer, from: 0) {
            isDiscarding = false
            return .tooLong(bytes: end + 2)
        }
        discardedCarriageReturn = buffer.last == .carriageReturn
        return .discard(bytes: buffer.count)
    }

    /// The index of the CR of the first CRLF at or after `start`.
    package static func endOfLine(in buffer: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = buffer.baseAddress else { return nil }
        var position = max(0, start)
        while position < buffer.count {
            guard let found = memchr(base + position, Int32(UInt8.lineFeed), buffer.count - position) else { return nil }
            let index = UnsafeRawPointer(found) - base
            if index > start, buffer[index - 1] == .carriageReturn { return index - 1 }
            position = index + 1
        }
        return nil
    }
}
