import IMAPGrammar

/// What the framer makes of some bytes, fed in pieces of the given sizes; the message of an APPEND is skipped.
struct Transcript: Equatable {
    var events: [String] = []

    init(_ bytes: [UInt8], limits: IMAPCommandFramer.Limits = .afterLogin(message: 1_000_000), pieces: [Int] = []) {
        var framer = IMAPCommandFramer(limits: limits)
        var message = 0
        var offset = 0
        var pieces = pieces[...]
        while offset < bytes.count {
            var piece = bytes[offset..<min(bytes.count, offset + max(1, pieces.popFirst() ?? bytes.count))]
            offset = piece.endIndex
            while true {
                let skipped = min(message, piece.count)
                piece = piece.dropFirst(skipped)
                message -= skipped
                guard message == 0 else { break }
                let (consumed, outcome) = framer.feed(Array(piece))
                piece = piece.dropFirst(consumed)
                if outcome == .needMore { break }
                if case .append(_, let size, _) = outcome { message = size }
                events.append(Self.describe(outcome))
            }
        }
        events.append(framer.isAtStart ? "start" : "middle")
    }

    static func describe(_ outcome: IMAPCommandFramer.Outcome) -> String {
        switch outcome {
        case .needMore: "more"
        case .continuation: "+"
        case .command(let frame): "command " + text(frame.bytes)
        case .append(let frame, let size, let synchronising): "append \(text(frame.bytes))\(size) \(synchronising)"
        case .appendEnd: "append end"
        case .wrong(let error): "\(text(error.encoded().dropLast(2)))\(error.close ? " close" : "")"
        }
    }

    static func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}

/// One command, framed and parsed. Literals are written as on the wire.
func command(_ wire: String, utf8: Bool = false) throws(IMAPSyntaxError) -> IMAPCommand {
    try command(Array(wire.utf8), utf8: utf8)
}

func command(_ wire: [UInt8], utf8: Bool = false) throws(IMAPSyntaxError) -> IMAPCommand {
    var framer = IMAPCommandFramer(limits: .afterLogin(message: 1_000_000))
    let bytes = Array("a1 ".utf8) + wire + Array("\r\n".utf8)
    var offset = 0
    while true {
        let (consumed, outcome) = framer.feed(bytes, from: offset)
        offset += consumed
        switch outcome {
        case .continuation: continue
        case .command(let frame), .append(let frame, _, _):
            return try IMAPCommandParser.parse(frame, options: .init(utf8: utf8)).command
        case .wrong(let error): throw error
        case .needMore, .appendEnd: throw IMAPSyntaxError("incomplete")
        }
    }
}

/// The status of a refusal, or nil when the command was accepted.
func refusal(_ wire: String, utf8: Bool = false) -> IMAPSyntaxError? {
    do throws(IMAPSyntaxError) {
        _ = try command(wire, utf8: utf8)
        return nil
    } catch {
        return error
    }
}

/// Small, repeatable random numbers (SplitMix64).
struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
