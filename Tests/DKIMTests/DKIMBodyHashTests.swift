import Crypto
import DKIM
import Testing

@Suite struct DKIMBodyHashTests {
    /// The body as RFC 6376 3.4.4 words it, step by step: slow, and obviously right.
    private func canonical(_ body: String) -> [UInt8] {
        var lines = body.replacing("\r\n", with: "\u{1}").split(separator: "\u{1}", omittingEmptySubsequences: false)
            .map { line in
                var text = ""
                for character in line {
                    let blank = character == " " || character == "\t"
                    if blank, text.last == " " { continue }
                    text.append(blank ? " " : character)
                }
                if text.last == " " { text.removeLast() }
                return text
            }
        while lines.last == "" { lines.removeLast() }
        return Array(lines.map { $0 + "\r\n" }.joined().utf8)
    }

    private func hash(_ body: String, chunk: Int = Int.max) -> [UInt8] {
        var hash = DKIMBodyHash()
        var rest = Array(body.utf8)[...]
        while !rest.isEmpty {
            hash.update(Array(rest.prefix(chunk)))
            rest = rest.dropFirst(chunk)
        }
        return hash.finish()
    }

    @Test func theBodyOfRFC8463HasTheHashPrintedThere() {
        let body = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
        let printed = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
        #expect(base64Text(hash(body)) == printed)
    }

    @Test func anEmptyBodyStaysEmpty() {
        // RFC 6376 3.4.4: the SHA-256 of nothing.
        for body in ["", "\r\n", "\r\n\r\n\r\n", " \t\r\n  \r\n", " "] {
            #expect(
                base64Text(hash(body)) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "\(body.debugDescription)")
        }
    }

    @Test(arguments: [
        " C \r\nD \t E\r\n\r\n\r\n",  // RFC 6376 3.4.5
        "no line end", "no line end \t", "a\r\n\r\n\r\nb\r\n\r\n", "\t indented\r\n", "a\rb\r\n", "a \r b\r\n", "a\r",
        "\r\r\n", "a\nb\r\n", "\r\n\r\na", "x\r\n \r\n\t\r\n", "\u{0}\u{b}\r\n", "a \r\n b \r\n",
    ])
    func isTheCanonicalFormInAnyChunks(_ body: String) {
        let wanted = Array(SHA256.hash(data: canonical(body)))
        for chunk in [1, 2, 3, 5, 1000] { #expect(hash(body, chunk: chunk) == wanted, "chunks of \(chunk)") }
    }

    @Test func randomBodiesInRandomChunks() {
        var generator = SystemRandomNumberGenerator()
        let pieces = [
            "a", " ", "\t", "\r\n", "\r", "\n", "word", "\r\n\r\n", "  ", String(repeating: "long", count: 5_000),
        ]
        for _ in 0..<300 {
            let count = Int.random(in: 0...30, using: &generator)
            let body = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            let chunk = Int.random(in: 1...9_000, using: &generator)
            #expect(hash(body, chunk: chunk) == Array(SHA256.hash(data: canonical(body))), "\(body.debugDescription)")
        }
    }

    @Test func aMessageIsSplitAtItsEmptyLineInAnyChunks() throws {
        let header = "From: a@example.test\r\nSubject: x\r\n y\r\n\r\n"
        let text = header + "Body \r\n\r\n"
        for chunk in 1...text.utf8.count {
            var message = DKIMMessageHash()
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                message.update(Array(rest.prefix(chunk)))
                rest = rest.dropFirst(chunk)
            }
            let (read, bodyHash) = try message.finish()
            #expect(read.values("subject") == [Array(" x y".utf8)])
            #expect(bodyHash == hash("Body\r\n"))
        }
    }

    @Test func aHeaderWithoutEndIsNotKept() {
        var message = DKIMMessageHash()
        for _ in 0..<100 { message.update(Array(repeating: UInt8(ascii: "a"), count: 100_000)) }
        #expect(throws: DKIMError.tooLarge) { try message.finish() }
    }
}
