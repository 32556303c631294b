/// The bytes of one command as they came, literals with their `{n}` CRLF in place, without the last CRLF.
package struct IMAPFrame: Sendable, Equatable {
    package var bytes: [UInt8]
    /// Bytes end where the message literal of an APPEND was announced.
    package var messageFollows: Bool

    package init(bytes: [UInt8], messageFollows: Bool = false) {
        self.bytes = bytes
        self.messageFollows = messageFollows
    }
}

/// Finds the commands in the bytes of a connection (RFC 3501 2.2.1 and 4.3, RFC 7888): a push parser that is fed what
/// has arrived, in any pieces, and keeps at most one command.
///
/// It takes no byte beyond the outcome it returns, so a caller can hand the rest to something else: TLS, a streamed
/// message, an AUTHENTICATE line. Nothing is allocated by an announced size. Only CRLF ends a line.
package struct IMAPCommandFramer: Sendable {
    package struct Limits: Sendable, Equatable {
        /// Bytes of a command outside its literals, line ends included.
        package var text: Int
        package var literal: Int
        package var literalTotal: Int
        /// Largest message of APPEND; nil while APPEND is not possible (before login).
        package var message: Int?

        package init(text: Int, literal: Int, literalTotal: Int, message: Int?) {
            self.text = text
            self.literal = literal
            self.literalTotal = literalTotal
            self.message = message
        }

        package static let beforeLogin = Limits(
            text: IMAPLimits.textBeforeLogin, literal: IMAPLimits.literalTotalBeforeLogin,
            literalTotal: IMAPLimits.literalTotalBeforeLogin, message: nil)

        package static func afterLogin(message: Int) -> Limits {
            Limits(
                text: IMAPLimits.commandText, literal: IMAPLimits.literal, literalTotal: IMAPLimits.literalTotal,
                message: message)
        }
    }

    package enum Outcome: Sendable, Equatable {
        /// Everything fed was taken; feed more.
        case needMore
        /// A synchronising literal of an argument may come: write a continuation request, then feed on.
        case continuation
        case command(IMAPFrame)
        /// `tag APPEND mailbox ... ` up to the message, whose first byte is the next one not taken. Either let the
        /// client send it (a continuation request if `synchronising`), take `size` bytes from the connection yourself
        /// and feed on until `.appendEnd`; or, only if `synchronising`, answer the tag and call `refuseMessage()`.
        /// A message that is not synchronising and is refused must still be skipped, and `.appendEnd` awaited.
        case append(IMAPFrame, size: Int, synchronising: Bool)
        /// The line of a streamed APPEND ended: the command is complete.
        case appendEnd
        /// Answer, and close if it says so; otherwise feed on, the next byte begins a new command.
        case wrong(IMAPSyntaxError)
    }

    private enum Phase: Equatable {
        case text
        case literal(remaining: Int)
        /// After the message of an APPEND.
        case afterMessage
        /// Framing is lost: nothing more is looked at.
        case dead
    }

    package var limits: Limits

    private var phase = Phase.text
    private var buffer: [UInt8] = []
    private var lineStart = 0
    private var textCount = 0
    private var literalCount = 0
    private var literalTotal = 0
    private var tag: String?

    package init(limits: Limits = .beforeLogin) { self.limits = limits }

    /// Nothing of a command has arrived yet.
    package var isAtStart: Bool { phase == .text && buffer.isEmpty }

    /// Takes bytes up to the next outcome; `consumed` says how many.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer) -> (consumed: Int, outcome: Outcome) {
        var position = 0
        while true {
            switch phase {
            case .dead:
                return (bytes.count, .needMore)
            case .literal(let remaining):
                let count = min(remaining, bytes.count - position)
                buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)]))
                position += count
                guard count == remaining else {
                    phase = .literal(remaining: remaining - count)
                    return (position, .needMore)
                }
                phase = .text
                lineStart = buffer.count
            case .text, .afterMessage:
                switch takeText(bytes, &position) {
                case .needMore: return (position, .needMore)
                case .tooLong:
                    return (position, lost("Line too long"))
                case .line:
                    if let outcome = phase == .text ? lineEnded() : messageLineEnded() { return (position, outcome) }
                }
            }
        }
    }

    /// The same for bytes in an array, from `offset`.
    package mutating func feed(_ bytes: [UInt8], from offset: Int = 0) -> (consumed: Int, outcome: Outcome) {
        bytes.withUnsafeBytes { feed(UnsafeRawBufferPointer(rebasing: $0[min(offset, $0.count)...])) }
    }

    /// The client was told NO instead of a continuation request: a new command comes next.
    package mutating func refuseMessage() { reset() }

    private enum Taken { case needMore, tooLong, line }

    /// Moves bytes into the buffer up to and including a CRLF.
    private mutating func takeText(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Taken {
        while position < bytes.count {
            let rest = bytes[position...]
            let newline = rest.firstIndex(of: 0x0A)
            let end = newline.map { $0 + 1 } ?? bytes.count
            guard end - position <= limits.text - textCount else {
                // Filled up to the limit, so that the tag is found however the bytes were cut.
                buffer.append(contentsOf: bytes[position..<(position + max(0, limits.text - textCount))])
                return .tooLong
            }
            textCount += end - position
            buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
            position = end
            if newline != nil, buffer.count - lineStart >= 2, buffer[buffer.count - 2] == 0x0D { return .line }
        }
        return .needMore
    }

    // MARK: - Ends of lines

    /// Nil: the line goes on after a literal whose bytes may already be there.
    private mutating func lineEnded() -> Outcome? {
        if lineStart == 0 { tag = Self.tag(of: buffer) }
        let end = buffer.count - 2
        guard end > lineStart, buffer[end - 1] == UInt8(ascii: "}") else { return commandEnded() }
        switch LiteralAnnouncement(endOf: buffer[lineStart..<end]) {
        case .none: return commandEnded()
        case .malformed(let nonSynchronising):
            return nonSynchronising ? lost("Invalid literal") : refused(IMAPSyntaxError("Invalid literal"))
        case .literal(let size, let synchronising, let start):
            if isMessage(announcedAt: start), let maximum = limits.message {
                return messageAnnounced(size, synchronising, start: start, maximum: maximum)
            }
            return argumentAnnounced(size, synchronising)
        }
    }

    private mutating func commandEnded() -> Outcome {
        buffer.removeLast(2)
        let frame = IMAPFrame(bytes: buffer)
        reset()
        return .command(frame)
    }

    private mutating func argumentAnnounced(_ size: Int, _ synchronising: Bool) -> Outcome? {
        literalCount += 1
        guard size <= limits.literal, size <= limits.literalTotal - literalTotal,
            literalCount <= IMAPLimits.literalCount
        else {
            // RFC 7888 4: the bytes of a non-synchronising literal are on their way; the only way out is to close.
            let error = IMAPSyntaxError("Literal too large", code: .tooBig)
            return synchronising ? refused(error) : lost(error.text)
        }
        literalTotal += size
        phase = .literal(remaining: size)
        return synchronising ? .continuation : nil
    }

    private mutating func messageAnnounced(_ size: Int, _ synchronising: Bool, start: Int, maximum: Int) -> Outcome {
        guard size <= maximum else {
            // RFC 7889 4: TOOBIG when the announced size is above the limit.
            var error = IMAPSyntaxError("Message too large", status: .no, code: .tooBig)
            guard synchronising else {
                error.tag = tag
                error.close = true
                die()
                return .wrong(error)
            }
            return refused(error)
        }
        let frame = IMAPFrame(bytes: Array(buffer[..<start]), messageFollows: true)
        let commandTag = tag
        reset()
        tag = commandTag
        phase = .afterMessage
        return .append(frame, size: size, synchronising: synchronising)
    }

    /// RFC 3502 (several messages in one APPEND) is not offered: only the end of the line may follow.
    private mutating func messageLineEnded() -> Outcome {
        let line = buffer[lineStart..<(buffer.count - 2)]
        guard line.isEmpty else {
            let error = IMAPSyntaxError("Expected the end of the line after the message")
            switch LiteralAnnouncement(endOf: line) {
            case .malformed(nonSynchronising: true), .literal(_, synchronising: false, _): return lost(error.text)
            case .none, .malformed, .literal: return refused(error)
            }
        }
        reset()
        return .appendEnd
    }

    private mutating func refused(_ error: IMAPSyntaxError) -> Outcome {
        var error = error
        error.tag = tag
        reset()
        return .wrong(error)
    }

    private mutating func lost(_ text: String) -> Outcome {
        let tag = tag ?? Self.tag(of: buffer)
        die()
        return .wrong(IMAPSyntaxError(text, tag: tag, close: true))
    }

    private mutating func die() {
        reset()
        phase = .dead
    }

    private mutating func reset() {
        phase = .text
        buffer = []
        lineStart = 0
        textCount = 0
        literalCount = 0
        literalTotal = 0
        tag = nil
    }

    // MARK: - Looking into the line

    /// The tag at the beginning of a command, if it is one.
    private static func tag(of bytes: [UInt8]) -> String? {
        let tag = bytes.prefix(IMAPLimits.tag + 1).prefix(while: IMAPCharacter.isTag)
        guard !tag.isEmpty, tag.count <= IMAPLimits.tag, tag.count < bytes.count, bytes[tag.count] == 0x20 else {
            return nil
        }
        return String(decoding: tag, as: UTF8.self)
    }

    /// Whether the literal announced at `start` is the message of an APPEND: any but one directly behind the command
    /// word, which is the mailbox name.
    private func isMessage(announcedAt start: Int) -> Bool {
        guard let space = buffer.firstIndex(of: 0x20) else { return false }
        let word = buffer[(space + 1)...].prefix(7)
        return word.count == 7 && word.elementsEqual("APPEND ".utf8) { IMAPCharacter.upper($0) == $1 }
            && start != space + 8
    }
}
