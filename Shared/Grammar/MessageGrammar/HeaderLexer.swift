import MailWire

/// The lexical tokens that structured fields share (RFC 5322 3.2). Never backtracks, always advances.
struct HeaderLexer {
    let bytes: UnsafeRawBufferPointer
    private(set) var position: Int
    let end: Int
    /// The text of the last comment passed, in which old mail keeps a person's name.
    private(set) var lastComment: Range<Int>?

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        let bounds = range.clamped(to: 0..<bytes.count)
        self.bytes = bytes
        self.position = bounds.lowerBound
        self.end = bounds.upperBound
    }

    var peek: UInt8? { position < end ? bytes[position] : nil }

    var isAtEnd: Bool { position >= end }

    mutating func advance() { if position < end { position += 1 } }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    mutating func forgetComment() { lastComment = nil }

    /// RFC 5322 3.2.2: white space, line ends and comments. True if there was any.
    @discardableResult
    mutating func skipCFWS() -> Bool {
        let start = position
        while let byte = peek {
            if byte.isFoldingWhiteSpace {
                position += 1
            } else if byte == UInt8(ascii: "(") {
                skipComment()
            } else {
                break
            }
        }
        return position > start
    }

    /// Comments nest; the depth is counted, not recursed into, and counting stops at the limit.
    private mutating func skipComment() {
        let start = position + 1
        var depth = 0
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "("):
                depth += 1
                if depth > MessageLimits.commentDepth {
                    position = end
                    return
                }
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 {
                    lastComment = start..<(position - 1)
                    return
                }
            case UInt8(ascii: "\\"): advance()
            default: break
            }
        }
        lastComment = start..<end
    }

    /// RFC 5322 3.2.4, at the opening quote: the content, unquoted and unfolded. A missing closing quote ends at the
    /// end.
    ///
    /// NUL becomes 0x80, behind a backslash too.
    ///
    /// With `keepsPaths` a backslash is taken off only before a quote or a backslash: senders write `"C:\dir\file"`.
    mutating func quotedString(into output: inout [UInt8], keepsPaths: Bool = false) {
        advance()
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return
            case UInt8(ascii: "\\"):
                guard let quoted = peek else { return }
                position += 1
                if keepsPaths, quoted != UInt8(ascii: "\""), quoted != UInt8(ascii: "\\") { output.append(byte) }
                if quoted != .carriageReturn, quoted != .lineFeed { output.append(quoted == 0 ? 0x80 : quoted) }
            case .carriageReturn, .lineFeed: continue
            case 0: output.append(0x80)
            default: output.append(byte)
            }
        }
    }

    /// Moves to the next byte for which `stop` is true, or to the end; gives what lies between.
    mutating func take(until stop: (UInt8) -> Bool) -> Range<Int> {
        let start = position
        while position < end, !stop(bytes[position]) { position += 1 }
        return start..<position
    }

    /// Bytes of a range without line ends; NUL becomes 0x80.
    func append(_ range: Range<Int>, to output: inout [UInt8]) {
        for index in range where bytes[index] != .carriageReturn && bytes[index] != .lineFeed {
            output.append(bytes[index] == 0 ? 0x80 : bytes[index])
        }
    }
}
