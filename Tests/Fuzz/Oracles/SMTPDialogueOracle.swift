import MailWire
import SMTPGrammar

/// A whole SMTP dialogue in one stream: lines by `LineFramer`, behind DATA the body by `DataFramer`, then lines again.
/// However the stream is cut, the server sees the same commands and the same messages.
enum SMTPDialogueOracle {
    private enum Event: Equatable {
        case command(SMTPCommand)
        case refused(SMTPSyntaxError)
        case tooLong
        case message(body: [UInt8], isBad: Bool)
    }

    static func check(_ input: [UInt8]) throws(OracleFailure) {
        // The second limit is one that random bytes reach.
        for maximum in [SMTPLimits.commandLine, 24] {
            let events = try Division.expectSame("dialogue", input) { (pieces) throws(OracleFailure) in
                try dialogue(pieces, maximum)
            }
            try expectEqual(events, try reference(input, maximum), "another reading of the dialogue")
        }
    }

    private static func dialogue(_ pieces: [[UInt8]], _ maximum: Int) throws(OracleFailure) -> [Event] {
        var events: [Event] = []
        var lines = LineFramer()
        var body: (framer: DataFramer, bytes: [UInt8])?
        var input: [UInt8] = []
        for piece in pieces {
            input += piece
            while true {
                if body != nil {
                    guard takeBody(&input, &body, &events) else { break }
                    continue
                }
                let before = input.count
                let (taken, outcome) = input.withUnsafeBytes { lines.next(in: $0, maximum: maximum) }
                try expect(taken <= before, "took more than there is")
                if case .line(let range) = outcome {
                    try expectEqual(Array(input[range.upperBound..<taken]), [13, 10], "a line ends with CRLF")
                    events.append(event(Array(input[range])))
                    if events.last == .command(.data) { body = (DataFramer(), []) }
                } else if outcome == .tooLong {
                    events.append(.tooLong)
                }
                input.removeFirst(taken)
                if outcome == .needMore { break }
            }
            try expect(body != nil || input.count < maximum, "more is held than a line may have")
        }
        return events
    }

    /// False when more is needed.
    private static func takeBody(
        _ input: inout [UInt8], _ body: inout (framer: DataFramer, bytes: [UInt8])?, _ events: inout [Event]
    ) -> Bool {
        guard var (framer, bytes) = body else { return true }
        let progress = input.withUnsafeBytes { framer.feed($0, into: &bytes) }
        input.removeFirst(progress.consumed)
        body = progress.isEnded ? nil : (framer, bytes)
        if progress.isEnded { events.append(.message(body: framer.isBad ? [] : bytes, isBad: framer.isBad)) }
        return progress.isEnded
    }

    private static func event(_ line: [UInt8]) -> Event {
        do { return .command(try SMTPCommand(line)) } catch { return .refused(error) }
    }

    /// The same in the plainest way, over all bytes at once: everything is a line that ends with CRLF.
    private static func reference(_ input: [UInt8], _ maximum: Int) throws(OracleFailure) -> [Event] {
        var events: [Event] = []
        var message: (body: [UInt8], isBad: Bool)?
        var start = 0
        for end in input.indices where end > start && input[end - 1] == 13 && input[end] == 10 {
            let line = Array(input[start..<(end - 1)])
            start = end + 1
            if let (body, isBad) = message {
                let unstuffed = line.first == 46 ? line.dropFirst() : line[...]
                message = (body + unstuffed + [13, 10], isBad || line.contains(13) || line.contains(10))
                guard line == [46] else { continue }
                events.append(.message(body: isBad ? [] : body, isBad: isBad))
                message = nil
            } else {
                events.append(line.count + 2 > maximum ? .tooLong : event(line))
                if events.last == .command(.data) { message = ([], false) }
            }
        }
        if message == nil, input.count - start >= maximum { events.append(.tooLong) }
        return events
    }
}
