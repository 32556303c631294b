import MailWire
import Testing

/// Plays a connection: pieces arrive, lines and overlong lines leave.
private func lines(of pieces: [[UInt8]], limit: Int) -> (events: [String], most: Int) {
    var framer = LineFramer(limit: limit)
    var buffer: [UInt8] = []
    var events: [String] = []
    var most = 0
    for piece in pieces {
        buffer += piece
        most = max(most, buffer.count)
        reading: while true {
            switch buffer.withUnsafeBytes({ framer.next(in: $0) }) {
            case .needMore: break reading
            case .line(let length):
                events.append(String(decoding: buffer[..<length], as: UTF8.self))
                buffer.removeFirst(length + 2)
            case .discard(let count): buffer.removeFirst(count)
            case .tooLong(let count):
                events.append("too long")
                buffer.removeFirst(count)
            }
        }
    }
    return (events, most)
}

@Suite struct LineFramerTests {
    @Test func endsOnlyAtCRLF() {
        let text = Array("NOOP\r\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\r\na\rb\r\n\r\n".utf8)
        #expect(lines(of: [text], limit: 100).events == ["NOOP", "MAIL FROM:<a@b>\nRCPT TO:<c@d>", "a\rb", ""])
    }

    @Test(arguments: [4, 5, 6])
    func limitCountsTheLineWithoutItsEnd(limit: Int) {
        let events = lines(of: [Array("12345\r\nX\r\n".utf8)], limit: limit).events
        #expect(events == [limit >= 5 ? "12345" : "too long", "X"])
    }

    @Test func everyCutGivesTheSame() {
        let text = Array("ab\r\n123456789\r\n\r\r\nxy\n\r\n".utf8)
        let whole = lines(of: [text], limit: 5).events
        #expect(whole == ["ab", "too long", "\r", "xy\n"])
        for first in 0...text.count {
            for second in first...text.count {
                let pieces = [Array(text[..<first]), Array(text[first..<second]), Array(text[second...])]
                #expect(lines(of: pieces, limit: 5).events == whole)
            }
        }
        #expect(lines(of: text.map { [$0] }, limit: 5).events == whole)
    }

    @Test func endlessLineIsHeldOnlyUpToTheLimit() {
        let piece = [UInt8](repeating: 65, count: 700)
        let result = lines(of: Array(repeating: piece, count: 1000) + [Array("\r\nNOOP\r\n".utf8)], limit: 512)
        #expect(result.events == ["too long", "NOOP"])
        #expect(result.most <= 512 + 2 + 700)
    }
}
