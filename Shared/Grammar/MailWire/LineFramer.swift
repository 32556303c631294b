/// Finds command lines in what has arrived (RFC 5321 2.3.8, RFC 1939 3): only CRLF ends a line.
///
/// A line that is too long is told once, as soon as that is certain, and its tail is dropped while it arrives, so that a
/// client without line ends holds no memory. However the bytes are cut, the outcomes are the same.
package struct LineFramer: Sendable {
    package enum Outcome: Sendable, Equatable {
        /// No line is complete: call again with what was not taken, and more behind it.
        case needMore
        /// Where the line is, without its CRLF; both are taken.
        case line(Range<Int>)
        case tooLong
    }

    /// Bytes at the front known to hold no end of line.
    private var scanned = 0
    /// The tail of an over-long line is being dropped.
    package private(set) var isSkipping = false

    package init() {}

    /// Other bytes are at the front than those that the last call left.
    package mutating func restart() { scanned = 0 }

    /// Looks at all that has arrived; the first `taken` bytes are done with. `maximum` counts the CRLF.
    package mutating func next(in bytes: UnsafeRawBufferPointer, maximum: Int) -> (taken: Int, outcome: Outcome) {
        var start = 0
        while let end = endOfLine(bytes, from: start) {
            let next = end + 2
            if isSkipping {
                isSkipping = false
                start = next
                continue
            }
            return (next, next - start <= maximum ? .line(start..<end) : .tooLong)
        }
        if isSkipping { return (dropTail(bytes, from: start), .needMore) }
        guard bytes.count - start >= maximum else {
            scanned = bytes.count - start
            return (start, .needMore)
        }
        isSkipping = true
        return (dropTail(bytes, from: start), .tooLong)
    }

    /// The last byte stays: it may be the CR of the line's end.
    private func dropTail(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        max(start, bytes.count - 1)
    }

    /// The index of the next CRLF. Looks at each byte once, however they come.
    private mutating func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var position = start + scanned
        scanned = 0
        while let lineFeed = LineFeed.find(in: bytes, from: position) {
            if lineFeed > start, bytes[lineFeed - 1] == .carriageReturn { return lineFeed - 1 }
            position = lineFeed + 1
        }
        return nil
    }
}
