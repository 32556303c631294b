import Crypto
import MailWire

/// The hash of a body in relaxed canonical form (RFC 6376 3.4.4, 3.7), in one pass over chunks of any size.
///
/// White space at the end of a line and empty lines at the end of the body are held back until ink follows them, so the
/// state is a few bytes however long the body is.
package struct DKIMBodyHash: Sendable {
    private var hasher = SHA256()
    private var held = Held()
    private var hasInk = false

    private static let bufferSize = 8_192

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        withUnsafeTemporaryAllocation(byteCount: Self.bufferSize, alignment: 16) { buffer in
            var sink = Sink(buffer: buffer, hasher: hasher)
            // A copy: the compiler keeps it in registers.
            var held = held
            for byte in bytes {
                if byte > .space, held.isEmpty { sink.append(byte) } else { held.take(byte, &sink) }
            }
            self.held = held
            hasher = sink.finish()
            hasInk = hasInk || sink.hasInk
        }
    }

    package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The 32 bytes of `bh=`. The value is spent afterwards.
    package mutating func finish() -> [UInt8] {
        if held.hasReturn {
            // A CR that ends no line is text, also at the very end.
            held.hasReturn = false
            withUnsafeTemporaryAllocation(byteCount: Self.bufferSize, alignment: 16) { buffer in
                var sink = Sink(buffer: buffer, hasher: hasher)
                held.ink(.carriageReturn, &sink)
                hasInk = true
                hasher = sink.finish()
            }
        }
        // RFC 6376 3.4.4: a body that does not end with CRLF is given one; an empty one stays empty.
        if hasInk { hasher.update(data: [UInt8.carriageReturn, UInt8.lineFeed]) }
        return Array(hasher.finalize())
    }
}

/// What may yet turn out to be nothing.
private struct Held: Sendable {
    /// CRLFs since the last ink.
    var lineEnds = 0
    var hasSpace = false
    var hasReturn = false

    @inline(__always) var isEmpty: Bool { !hasSpace && !hasReturn && lineEnds == 0 }

    mutating func take(_ byte: UInt8, _ sink: inout Sink) {
        if hasReturn {
            hasReturn = false
            if byte == .lineFeed {
                hasSpace = false
                lineEnds += 1
                return
            }
            ink(.carriageReturn, &sink)
        }
        switch byte {
        case .carriageReturn: hasReturn = true
        case .space, .tab: hasSpace = true
        default: ink(byte, &sink)
        }
    }

    mutating func ink(_ byte: UInt8, _ sink: inout Sink) {
        while lineEnds > 0 {
            sink.append(.carriageReturn)
            sink.append(.lineFeed)
            lineEnds -= 1
        }
        if hasSpace { sink.append(.space) }
        hasSpace = false
        sink.append(byte)
    }
}

/// Collects canonical bytes for the hash, a buffer at a time.
private struct Sink {
    private let buffer: UnsafeMutableRawBufferPointer
    private var hasher: SHA256
    private var count = 0
    private(set) var hasInk = false

    init(buffer: UnsafeMutableRawBufferPointer, hasher: SHA256) {
        self.buffer = buffer
        self.hasher = hasher
    }

    @inline(__always) mutating func append(_ byte: UInt8) {
        if count == buffer.count { flush() }
        buffer[count] = byte
        count += 1
    }

    private mutating func flush() {
        hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        hasInk = hasInk || count > 0
        count = 0
    }

    mutating func finish() -> SHA256 {
        flush()
        return hasher
    }
}
