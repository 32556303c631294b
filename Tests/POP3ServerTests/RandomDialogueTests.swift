import POP3Server
import Testing

/// Long random conversations against a model of what RFC 1939 5 and 6 say of them.
@Suite struct RandomDialogueTests {
    /// The same numbers in every run.
    private struct Dice {
        private var state: UInt64
        init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

        mutating func roll(_ sides: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state >> 33) % sides
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `only QUIT removes, and exactly what is marked`(_ seed: UInt64) {
        var dice = Dice(seed: seed)
        let count = 1 + dice.roll(12)
        var server = Conversation.loggedIn(sizes: (1...count).map { $0 * 100 })
        var marked: Set<Int> = []
        for _ in 0..<200 {
            let number = dice.roll(count + 2)
            let exists = (1...count).contains(number) && !marked.contains(number)
            let left = (1...count).filter { !marked.contains($0) }
            switch dice.roll(8) {
            case 0:
                let answer = server.say("DELE \(number)")
                #expect(answer.hasPrefix("+OK") == exists)
                if exists { marked.insert(number) }
            case 1: #expect(server.say("RETR \(number)").hasPrefix("+OK") == exists)
            case 2: #expect(server.say("TOP \(number) 3").hasPrefix("+OK") == exists)
            case 3:
                #expect(server.say("UIDL \(number)") == (exists ? "+OK \(number) 7.\(number * 10)" : refusal(number)))
            case 4: #expect(server.say("STAT") == "+OK \(left.count) \(left.reduce(0) { $0 + $1 * 100 })")
            case 5:
                let lines = server.say("LIST").split(separator: "\r\n").dropFirst().dropLast()
                #expect(lines.map(String.init) == left.map { "\($0) \($0 * 100)" })
            case 6 where dice.roll(5) == 0:
                _ = server.say("RSET")
                marked = []
            default: _ = server.say(["NOOP", "CAPA", "XYZZY", "USER x", "LIST 0"][dice.roll(5)])
            }
            #expect(server.removed == nil)
        }
        #expect(!server.isClosed)
        _ = server.say("QUIT")
        let removed = Set(
            (1...count).filter { number in
                server.removed?.contains { $0.contains(UInt32(number * 10)) } ?? false
            })
        #expect(removed == marked && server.isClosed)
    }

    private func refusal(_ number: Int) -> String {
        number == 0 ? "-ERR Invalid arguments" : "-ERR No such message"
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `whatever is said before login opens nothing without the password`(_ seed: UInt64) {
        var dice = Dice(seed: seed)
        var server = Conversation(secure: dice.roll(2) == 0)
        let words = [
            "USER alice", "USER bob", "PASS wrong", "AUTH PLAIN", "AUTH PLAIN =", "*", "STAT", "RETR 1", "DELE 1",
            "CAPA",
            "RSET", "AGFsaWNlAHdyb25n", "TOP 1 1", "", "\u{0}",
        ]
        for _ in 0..<100 where !server.isClosed {
            _ = server.say(words[dice.roll(words.count)])
            #expect(server.state == "authorization" || server.state == "auth")
        }
        if !server.isClosed { _ = server.say("QUIT") }
        #expect(server.removed == nil)
    }
}
