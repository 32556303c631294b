import MailWire

/// Why what a server sent is no reply.
package enum SMTPReplyError: Error, Sendable, Hashable {
    case lineTooLong
    case tooManyLines
    case tooLong
    case malformed
    /// The lines of one reply carry different codes (RFC 5321 4.2.1).
    case mixedCodes
}

/// Reads replies of a server from bytes in any cuts (RFC 5321 4.2). What it holds is bounded, whatever the server sends.
///
/// A bare LF ends a line too: some servers send it, and between replies nothing can be smuggled in that way. After an
/// error the parser stays in error: the rest of the stream has no meaning.
package struct SMTPReplyParser: Sendable {
    private var line: [UInt8] = []
    private var code: Int?
    private var lines: [[UInt8]] = []
    private var size = 0
    private var failure: SMTPReplyError?

    package init() {}

    /// Part of a reply has been read.
    package var isInside: Bool { !line.isEmpty || code != nil }

    /// Takes bytes up to the end of a reply and says how many it took; `nil` when more are needed (it took all).
    package mutating func next(
        _ bytes: UnsafeRawBufferPointer
    ) throws(SMTPReplyError) -> (reply: SMTPRemoteReply?, taken: Int) {
        if let failure { throw failure }
        do {
            return try read(bytes)
        } catch {
            failure = error
            line = []
            lines = []
            throw error
        }
    }

    private mutating func read(
        _ bytes: UnsafeRawBufferPointer
    ) throws(SMTPReplyError) -> (reply: SMTPRemoteReply?, taken: Int) {
        var start = 0
        while start < bytes.count {
            let end = LineFeed.find(in: bytes, from: start)
            let upTo = end ?? bytes.count
            guard line.count + (upTo - start) <= SMTPLimits.replyLine else { throw .lineTooLong }
            line += bytes[start..<upTo]
            guard let end else { return (nil, bytes.count) }
            start = end + 1
            if line.last == .carriageReturn { line.removeLast() }
            let isLast = try takeLine()
            line.removeAll(keepingCapacity: true)
            if isLast, let code {
                let reply = SMTPRemoteReply(code: code, lines: lines)
                self.code = nil
                lines = []
                size = 0
                return (reply, start)
            }
        }
        return (nil, bytes.count)
    }

    /// `250-text`, `250 text` or `250` (RFC 5321 4.2: Reply-line); true for the last line of a reply.
    private mutating func takeLine() throws(SMTPReplyError) -> Bool {
        guard line.count >= 3, let number = Decimal.parseInt(line.prefix(3)), (200...599).contains(number) else {
            throw .malformed
        }
        if let code, code != number { throw .mixedCodes }
        code = number
        guard lines.count < SMTPLimits.replyLines else { throw .tooManyLines }
        size += line.count
        guard size <= SMTPLimits.replySize else { throw .tooLong }
        guard line.count > 3 else {
            lines.append([])
            return true
        }
        switch line[3] {
        case UInt8(ascii: "-"): lines.append(Array(line[4...]))
        case .space:
            lines.append(Array(line[4...]))
            return true
        default: throw .malformed
        }
        return false
    }
}
