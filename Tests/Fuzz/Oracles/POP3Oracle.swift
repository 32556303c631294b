import MailCore
import MailWire
import POP3Grammar

/// POP3: command lines in any cuts, and messages on their way to the client.
enum POP3Oracle {
    static func check(_ input: [UInt8]) throws(OracleFailure) {
        _ = try Division.expectSame("commands", input) { pieces in commands(pieces) }
        try command(input)
        for lines in [nil, 0, 1, 3] { try message(input, lines: lines) }
    }

    private static func commands(_ pieces: [[UInt8]]) -> [String] {
        var framer = LineFramer()
        var input: [UInt8] = []
        var events: [String] = []
        for piece in pieces {
            input += piece
            while true {
                let (taken, outcome) = input.withUnsafeBytes { framer.next(in: $0, maximum: POP3Limits.command) }
                if case .line(let range) = outcome { events.append(description(Array(input[range]))) }
                if outcome == .tooLong { events.append("too long") }
                input.removeFirst(taken)
                if outcome == .needMore { break }
            }
        }
        return events
    }

    /// What a line means, secrets in the clear.
    private static func description(_ line: [UInt8]) -> String {
        do {
            switch try POP3Command(line) {
            case .pass(let secret): return "pass \(secret.reveal())"
            case .auth(let mechanism, let initial): return "auth \(mechanism) \(initial?.reveal() ?? [])"
            case let command: return "\(command)"
            }
        } catch {
            return "\(error)"
        }
    }

    private static func command(_ line: [UInt8]) throws(OracleFailure) {
        guard let command = try? POP3Command(line) else { return }  // refused
        switch command {
        case .pass: break
        case .list(let number?), .uidl(let number?), .retr(let number), .dele(let number):
            try expect((1...POP3Limits.number).contains(number), "message \(number)")
        case .top(let number, let lines):
            try expect((1...POP3Limits.number).contains(number), "message \(number)")
            try expect((0...POP3Limits.number).contains(lines), "\(lines) lines")
        default: try expect(line.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in a command")
        }
        let keyword = line.prefix { $0 != 0x20 }
        let shouted = ASCII.uppercased(keyword) + line[keyword.endIndex...]
        try expectEqual(description(shouted), description(line), "the keyword's letter case matters")
    }

    private static func message(_ message: [UInt8], lines: Int?) throws(OracleFailure) {
        let wire = try Division.expectSame("message", message) { pieces in
            var encoder = POP3MessageEncoder(lines: lines)
            var wire: [UInt8] = []
            for piece in pieces { encoder.encode(piece, into: &wire) }
            encoder.end(into: &wire)
            return wire
        }
        try expectEqual(try unstuffed(wire), wanted(message, lines: lines), "what the client reads of \(lines ?? -1)")
    }

    /// RFC 1939 3, as a client that takes LF alone for the end of a line too, which is the harder case for us.
    private static func unstuffed(_ wire: [UInt8]) throws(OracleFailure) -> [UInt8] {
        var message: [UInt8] = []
        var rest = wire[...]
        while let end = rest.firstIndex(of: 10) {
            var line = rest[...end]
            rest = rest[(end + 1)...]
            if line.elementsEqual([46, 13, 10]) {
                try expect(rest.isEmpty, "the message ended before its end")
                return message
            }
            if line.first == 46 { line.removeFirst() }
            message += line
        }
        throw OracleFailure("the message has no end")
    }

    /// RFC 1939 7 in the plainest way: the header, the empty line, so many lines; with a CRLF at the end.
    private static func wanted(_ message: [UInt8], lines: Int?) -> [UInt8] {
        var wanted = message
        if let lines {
            wanted = []
            var left: Int?
            for line in message.split(separator: 10, omittingEmptySubsequences: false) {
                if left == 0 { break }
                let isLast = line.endIndex == message.endIndex
                wanted += isLast ? Array(line) : line + [10]
                if let some = left { left = some - 1 } else if !isLast, line.isEmpty || line == [13] { left = lines }
            }
        }
        return wanted.isEmpty || wanted.suffix(2) == [13, 10] ? wanted : wanted + [13, 10]
    }
}
