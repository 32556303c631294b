import IMAPGrammar

/// The stream of an IMAP client: commands, their literals, streamed messages.
enum IMAPCommandOracle {
    private enum Event: Equatable {
        case continuation
        case command(IMAPTaggedCommand)
        /// Framed well, and no command.
        case odd(IMAPSyntaxError)
        case refused(IMAPSyntaxError)
        case append(IMAPTaggedCommand?, size: Int, synchronising: Bool)
        case message([UInt8])
        case appendEnd
        case lost
    }

    /// Limits of a session, and some that random bytes reach.
    private static let limits = [
        IMAPCommandFramer.Limits.beforeLogin, .afterLogin(message: 1 << 20),
        .init(text: 48, literal: 8, literalTotal: 12, message: 16),
    ]

    static func check(_ input: [UInt8]) throws(OracleFailure) {
        for limits in limits {
            for refusesMessages in [false, true] where !refusesMessages || limits.message != nil {
                let events = try Division.expectSame("commands", input) { (pieces) throws(OracleFailure) in
                    try Session(limits, refusesMessages).read(pieces, of: input)
                }
                try compare(events, with: reference(input))
            }
        }
    }

    /// Up to the first that the framer does not take, the commands are those of the reference.
    private static func compare(_ events: [Event], with frames: [IMAPFrame]) throws(OracleFailure) {
        var frames = frames[...]
        for event in events {
            var found: IMAPTaggedCommand?
            switch event {
            case .continuation: continue
            case .command(let command): found = command
            case .odd: break
            default: return
            }
            guard let frame = frames.popFirst() else { throw OracleFailure("a command that is none") }
            let wanted = try? IMAPCommandParser.parse(frame)
            try expectEqual(wanted, found, "another reading of a command")
        }
        try expect(frames.isEmpty, "a command was not seen")
    }

    /// RFC 3501 2.2.1 and 4.3 in the plainest way: a command ends at the first CRLF that no literal was announced before.
    private static func reference(_ input: [UInt8]) -> [IMAPFrame] {
        var frames: [IMAPFrame] = []
        var (start, line, index) = (0, 0, 0)
        var isQuoted = false
        while index + 1 < input.count {
            if input[index] == 13, input[index + 1] == 10 {
                index += 2
                if let size = announced(input[line..<(index - 2)], isQuoted) {
                    guard input.count - index >= size else { break }
                    index += size
                } else {
                    frames.append(IMAPFrame(bytes: Array(input[start..<(index - 2)])))
                    start = index
                }
                (line, isQuoted) = (index, false)
            } else {
                if input[index] == 34 { isQuoted.toggle() }
                let isEscape = isQuoted && input[index] == 92 && [34, 92].contains(input[index + 1])
                index += isEscape ? 2 : 1
            }
        }
        return frames
    }

    /// The size of `{n}` or `{n+}` at the end of a line, unless it is within quotes.
    private static func announced(_ line: ArraySlice<UInt8>, _ isQuoted: Bool) -> Int? {
        guard !isQuoted, line.last == 125, let brace = line.lastIndex(of: 123) else { return nil }
        var digits = line[(brace + 1)...].dropLast()
        if digits.last == 43 { digits = digits.dropLast() }
        guard !digits.isEmpty, digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self)) ?? .max
    }

    private struct Session {
        private var framer: IMAPCommandFramer
        private let refusesMessages: Bool
        private let limits: IMAPCommandFramer.Limits
        private var events: [Event] = []
        /// Bytes of the stream taken so far, and where the command being read begins.
        private var position = 0
        private var start = 0
        private var message: (left: Int, bytes: [UInt8])?

        init(_ limits: IMAPCommandFramer.Limits, _ refusesMessages: Bool) {
            self.framer = IMAPCommandFramer(limits: limits)
            self.limits = limits
            self.refusesMessages = refusesMessages
        }

        consuming func read(_ pieces: [[UInt8]], of input: [UInt8]) throws(OracleFailure) -> [Event] {
            for piece in pieces {
                var rest = piece
                while true {
                    if message != nil, !takeMessage(&rest) { break }
                    let (consumed, outcome) = framer.feed(rest)
                    try expect(consumed <= rest.count, "took more than there is")
                    rest.removeFirst(consumed)
                    position += consumed
                    if outcome == .needMore {
                        try expect(rest.isEmpty, "asks for more before it took all")
                        break
                    }
                    try take(outcome, input)
                    if events.last == .lost { return events }
                }
            }
            return events
        }

        /// False when more is needed.
        private mutating func takeMessage(_ rest: inout [UInt8]) -> Bool {
            guard let (left, bytes) = message else { return true }
            let part = rest.prefix(left)
            rest.removeFirst(part.count)
            position += part.count
            message = part.count == left ? nil : (left - part.count, bytes + part)
            if message == nil { events.append(.message(bytes + part)) }
            return message == nil
        }

        private mutating func take(_ outcome: IMAPCommandFramer.Outcome, _ input: [UInt8]) throws(OracleFailure) {
            switch outcome {
            case .needMore: break
            case .continuation: events.append(.continuation)
            case .command(let frame):
                // Nothing is lost between two commands, nothing is taken from the next.
                try expectEqual(frame.bytes + [13, 10], Array(input[start..<position]), "bytes of a command")
                try expect(frame.bytes.count <= limits.text + limits.literalTotal, "a command beyond its limits")
                events.append(try parsed(frame))
                start = position
            case .append(let frame, let size, let synchronising):
                try expect(input[start...].starts(with: frame.bytes), "bytes of APPEND")
                try expect(size <= limits.message ?? -1, "a message beyond its limit")
                var command: IMAPTaggedCommand?
                if case .command(let found) = try parsed(frame) { command = found }
                events.append(.append(command, size: size, synchronising: synchronising))
                if refusesMessages, synchronising {
                    framer.refuseMessage()
                    start = position
                } else if size > 0 {
                    message = (size, [])
                }
            case .appendEnd:
                events.append(.appendEnd)
                start = position
            case .wrong(let error):
                try answer(error)
                events.append(error.close ? .lost : .refused(error))
                start = position
            }
        }

        private func parsed(_ frame: IMAPFrame) throws(OracleFailure) -> Event {
            var found: Event?
            for utf8 in [false, true] {
                do {
                    let command = try IMAPCommandParser.parse(frame, options: .init(utf8: utf8))
                    try IMAPCommandOracle.look(command)
                    found = found ?? .command(command)
                } catch let error as IMAPSyntaxError {
                    try answer(error)
                    found = found ?? .odd(error)
                } catch {
                    throw OracleFailure("\(error)")
                }
            }
            return found ?? .lost
        }

        private func answer(_ error: IMAPSyntaxError) throws(OracleFailure) { try ResponseLine.check(error.encoded()) }
    }

    /// What the parser lets through is within the limits and can be worked with.
    private static func look(_ tagged: IMAPTaggedCommand) throws(OracleFailure) {
        try expect((1...IMAPLimits.tag).contains(tagged.tag.utf8.count), "length of the tag")
        try expect(tagged.tag.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "an odd byte in the tag")
        try expect(!"\(tagged.command)".isEmpty && !tagged.command.name.isEmpty, "a command without a name")
        switch tagged.command {
        case .uidExpunge(let set), .copy(let set, _, _), .move(let set, _, _): try look(set)
        case .fetch(let fetch, _): try look(fetch.set)
        case .store(let store, _): try look(store.set)
        case .list(let list):
            for pattern in list.patterns { _ = pattern.matcher(reference: list.reference).matches(.inbox) }
        default: break
        }
    }

    /// RFC 3501 9: `*` stands for the largest number, ranges may be written in either direction.
    private static func look(_ set: SequenceSet) throws(OracleFailure) {
        try expect(!set.elements.isEmpty, "an empty set")
        for largest: UInt32 in [0, 1, 7, .max] {
            let numbers = set.resolved(largest: largest)
            let ranges = numbers.ranges
            for (left, right) in zip(ranges, ranges.dropFirst()) {
                try expect(UInt64(left.upperBound) + 1 < UInt64(right.lowerBound), "ranges touch or are out of order")
            }
            for probe: UInt32 in [1, 2, 7, largest, set.largestNumber, .max] where probe > 0 {
                let isIn = set.elements.contains { element in
                    let bounds = [element.first, element.last].map { bound in
                        if case .number(let number) = bound { number } else { largest }
                    }
                    return bounds[0] > 0 && bounds[1] > 0 && min(bounds[0], bounds[1]) <= probe
                        && probe <= max(bounds[0], bounds[1])
                }
                try expectEqual(numbers.contains(probe), isIn, "\(probe) in \(set.elements) up to \(largest)")
            }
        }
    }
}

/// One line that a server may send.
enum ResponseLine {
    static func check(_ line: [UInt8]) throws(OracleFailure) {
        try expect(line.suffix(2).elementsEqual([13, 10]), "an answer without its line end")
        try expect(line.dropLast(2).allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "an odd byte in an answer")
    }
}
