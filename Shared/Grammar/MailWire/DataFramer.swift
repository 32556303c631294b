import Glibc

/// Finds the end of an SMTP DATA body and undoes dot-stuffing (RFC 5321 4.1.1.4, 4.5.2).
///
/// The body ends only at CRLF `.` CRLF (the 354 reply stands for the first CRLF). A CR without LF or a LF without CR
/// makes the message bad but never ends it: taking anything else for the end lets one mail smuggle in a second one.
/// Pieces may be cut anywhere; the result is the same.
package struct DataFramer: Sendable {
    package struct Progress: Sendable, Equatable {
        /// Bytes of the input that belong to this DATA body, its end included; what follows is the next command.
        package let consumed: Int
        package let isEnded: Bool
    }

    package enum Flaw: Sendable, Equatable { case bareCarriageReturn, bareLineFeed }

    private enum State {
        case lineStart
        /// In a line, the last byte was not CR.
        case inLine
        /// The last byte was CR, and it has been handed on.
        case carriageReturn
        /// A dot at the start of a line, held back: it is either stuffing or the end.
        case dot
        /// Dot and CR at the start of a line, both held back.
        case dotCarriageReturn
        case ended
    }

    private var state = State.lineStart

    /// The first violation of the line rules; answer `550 5.5.2` after the end. Nothing more of the body is handed on.
    package private(set) var flaw: Flaw?

    /// Bytes handed on so far.
    package private(set) var length = 0

    package var isBad: Bool { flaw != nil }
    package var isEnded: Bool { if case .ended = state { true } else { false } }

    package init() {}

    /// Takes one piece of input, hands runs of the unstuffed body to `sink`, in order.
    package mutating func feed(
        _ input: UnsafeRawBufferPointer, _ sink: (UnsafeRawBufferPointer) -> Void
    ) -> Progress {
        var position = 0
        var runStart = 0
        while position < input.count {
            switch state {
            case .ended:
                return Progress(consumed: position, isEnded: true)
            case .lineStart:
                state = .inLine
                if input[position] == Self.dotByte {
                    emit(input, runStart..<position, sink)
                    state = .dot
                    position += 1
                    runStart = position
                }
            case .dot:
                state = input[position] == .carriageReturn ? .dotCarriageReturn : .inLine
                if case .dotCarriageReturn = state {
                    position += 1
                    runStart = position
                }
            case .dotCarriageReturn:
                if input[position] == .lineFeed {
                    state = .ended
                    return Progress(consumed: position + 1, isEnded: true)
                }
                flaw = flaw ?? .bareCarriageReturn
                state = .inLine
            case .carriageReturn:
                if input[position] == .lineFeed {
                    state = .lineStart
                    position += 1
                } else {
                    note(.bareCarriageReturn, input, runStart..<position, sink)
                    state = .inLine
                }
            case .inLine:
                position = skipLine(input, from: position, runStart: runStart, sink)
            }
        }
        emit(input, runStart..<position, sink)
        return Progress(consumed: position, isEnded: isEnded)
    }

    /// As above, appending to an array.
    package mutating func feed(_ input: UnsafeRawBufferPointer, into body: inout [UInt8]) -> Progress {
        feed(input) { body.append(contentsOf: $0) }
    }

    private static let dotByte = UInt8(ascii: ".")

    /// Moves to just after the next CR (or to the end of the input), noting a LF on the way.
    private mutating func skipLine(
        _ input: UnsafeRawBufferPointer, from position: Int, runStart: Int, _ sink: (UnsafeRawBufferPointer) -> Void
    ) -> Int {
        guard let base = input.baseAddress else { return input.count }
        let found = memchr(base + position, Int32(UInt8.carriageReturn), input.count - position)
        let end = found.map { UnsafeRawPointer($0) - base } ?? input.count
        if flaw == nil, let lineFeed = memchr(base + position, Int32(UInt8.lineFeed), end - position) {
            note(.bareLineFeed, input, runStart..<(UnsafeRawPointer(lineFeed) - base), sink)
        }
        guard found != nil else { return end }
        state = .carriageReturn
        return end + 1
    }

    private mutating func note(
        _ found: Flaw, _ input: UnsafeRawBufferPointer, _ run: Range<Int>, _ sink: (UnsafeRawBufferPointer) -> Void
    ) {
        emit(input, run, sink)
        flaw = flaw ?? found
    }

    private mutating func emit(
        _ input: UnsafeRawBufferPointer, _ run: Range<Int>, _ sink: (UnsafeRawBufferPointer) -> Void
    ) {
        guard flaw == nil, !run.isEmpty else { return }
        length += run.count
        sink(UnsafeRawBufferPointer(rebasing: input[run]))
    }
}
