import MailWire
import Testing

@Suite struct LineFramerTests {
    private enum Event: Equatable, ExpressibleByStringLiteral {
        case line(String)
        case tooLong

        init(stringLiteral text: String) { self = .line(text) }
    }

    /// The lines of a stream that comes in these pieces, and how much is held at its end.
    private func read(_ pieces: [String], maximum: Int = 8) -> (events: [Event], held: Int) {
        var framer = LineFramer()
        var input: [UInt8] = []
        var events: [Event] = []
        for piece in pieces {
            input += piece.utf8
            while true {
                let (taken, outcome) = input.withUnsafeBytes { framer.next(in: $0, maximum: maximum) }
                if case .line(let range) = outcome {
                    events.append(.line(String(decoding: input[range], as: UTF8.self)))
                }
                if outcome == .tooLong { events.append(.tooLong) }
                input.removeFirst(taken)
                if outcome == .needMore { break }
            }
        }
        return (events, input.count)
    }

    @Test func givesLinesWithoutTheirEnds() {
        #expect(read(["NOOP\r\n\r\nQU", "IT\r", "\nx"]).events == ["NOOP", "", "QUIT"])
    }

    @Test(arguments: ["a\nb\rc\r\n", "a\r\r\n", "\n\r\n"])
    func onlyBothBytesEndALine(stream: String) {
        #expect(read([stream]).events == [.line(String(stream.unicodeScalars.dropLast(2)))])
    }

    @Test func countsTheLineEnd() {
        #expect(read(["123456\r\n1234567\r\nx\r\n"]).events == ["123456", .tooLong, "x"])
    }

    @Test func tellsOfALongLineOnceAndHoldsNothingOfIt() {
        let (events, held) = read(Array(repeating: "AAAAA", count: 100))
        #expect(events == [.tooLong])
        #expect(held <= 1)
    }

    @Test func goesOnBehindALongLine() {
        #expect(read(["12345678", "9", "\r", "\n", "x\r\n"]).events == [.tooLong, "x"])
        #expect(read(["12345678\r", "y\r\nx\r\n"]).events == [.tooLong, "x"])
    }
}
