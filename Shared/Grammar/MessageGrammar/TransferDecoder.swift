import MailWire

/// Undoes a Content-Transfer-Encoding (RFC 2045 6) while the bytes arrive, cut anywhere. Never fails.
package struct TransferDecoder: Sendable {
    private enum Kind {
        case identity
        case base64(Base64Decoder)
        case quotedPrintable(QuotedPrintableDecoder)
    }

    private var kind: Kind

    /// `encoding` in lowercase, as `BodyPart.encoding` has it; an unknown one leaves the bytes alone.
    package init(_ encoding: String) {
        switch encoding {
        case "base64": kind = .base64(Base64Decoder())
        case "quoted-printable": kind = .quotedPrintable(QuotedPrintableDecoder())
        default: kind = .identity
        }
    }

    package mutating func feed(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        switch kind {
        case .identity: output.append(contentsOf: input)
        case .base64(var decoder):
            decoder.feed(input, into: &output)
            kind = .base64(decoder)
        case .quotedPrintable(var decoder):
            decoder.feed(input, into: &output)
            kind = .quotedPrintable(decoder)
        }
    }

    package mutating func finish(into output: inout [UInt8]) {
        switch kind {
        case .identity: break
        case .base64(var decoder): decoder.finish(into: &output)
        case .quotedPrintable(var decoder): decoder.finish(into: &output)
        }
        kind = .identity
    }

    /// All at once.
    package static func decode(_ bytes: UnsafeRawBufferPointer, encoding: String) -> [UInt8] {
        var decoder = TransferDecoder(encoding)
        var output: [UInt8] = []
        decoder.feed(bytes, into: &output)
        decoder.finish(into: &output)
        return output
    }
}

/// Quoted-printable (RFC 2045 6.7), lenient: a wrong escape stays as it is.
package struct QuotedPrintableDecoder: Sendable {
    private enum State {
        case text
        /// After `=`.
        case escape
        /// After `=` and one hexadecimal digit, kept as found.
        case digit(UInt8)
        /// After `=` and white space (which may be a soft line break with trailing space) or CR.
        case softBreak
    }

    private var state = State.text
    /// White space that counts only if something else follows on the line (rule 3), at most `maximumHeld`.
    private var held: [UInt8] = []
    private static let maximumHeld = 1_024

    package init() {}

    package mutating func feed(_ input: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        // Only once: exact reservations on every piece would copy the output again and again.
        if output.isEmpty { output.reserveCapacity(input.count) }
        var position = 0
        while position < input.count {
            let end = held.isEmpty ? plainRun(input, from: position) : position
            if end > position {
                output.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[position..<end]))
                position = end
            } else {
                take(input[position], into: &output)
                position += 1
            }
        }
    }

    /// The end of a run that means itself: no escapes, and white space only within a line.
    private func plainRun(_ input: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard case .text = state else { return start }
        var position = start
        while position < input.count {
            let byte = input[position]
            if byte == UInt8(ascii: "=") { break }
            if byte.isWSP {
                guard position + 1 < input.count, !input[position + 1].isFoldingWhiteSpace else { break }
            }
            position += 1
        }
        return position
    }

    private mutating func take(_ byte: UInt8, into output: inout [UInt8]) {
        switch state {
        case .text: text(byte, into: &output)
        case .escape:
            if byte.hexDigitValue != nil {
                state = .digit(byte)
            } else if byte == .lineFeed {
                state = .text
            } else if byte == .carriageReturn || byte.isWSP {
                held.append(byte)
                state = .softBreak
            } else {
                restart(with: byte, into: &output)
            }
        case .digit(let first):
            if let high = first.hexDigitValue, let low = byte.hexDigitValue {
                output.append(high << 4 | low)
                state = .text
            } else {
                output.append(UInt8(ascii: "="))
                output.append(first)
                state = .text
                text(byte, into: &output)
            }
        case .softBreak:
            if byte == .lineFeed {
                held.removeAll(keepingCapacity: true)
                state = .text
            } else if byte == .carriageReturn || byte.isWSP, held.count < Self.maximumHeld {
                held.append(byte)
            } else {
                restart(with: byte, into: &output)
            }
        }
    }

    /// The `=` was no escape: it and what was held back are text.
    private mutating func restart(with byte: UInt8, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "="))
        output.append(contentsOf: held)
        held.removeAll(keepingCapacity: true)
        state = .text
        text(byte, into: &output)
    }

    private mutating func text(_ byte: UInt8, into output: inout [UInt8]) {
        if byte.isWSP, held.count < Self.maximumHeld {
            held.append(byte)
            return
        }
        if !held.isEmpty {
            if byte == .carriageReturn || byte == .lineFeed {
                // Trailing white space was added on the way.
                held.removeAll(keepingCapacity: true)
            } else {
                output.append(contentsOf: held)
                held.removeAll(keepingCapacity: true)
            }
        }
        if byte == UInt8(ascii: "=") { state = .escape } else { output.append(byte) }
    }

    package mutating func finish(into output: inout [UInt8]) {
        if case .digit(let first) = state { output.append(contentsOf: [UInt8(ascii: "="), first]) }
        held.removeAll()
        state = .text
    }
}
