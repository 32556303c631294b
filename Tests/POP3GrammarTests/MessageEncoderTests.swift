import POP3Grammar
import Testing

@Suite struct MessageEncoderTests {
    /// The message as it goes over the wire, handed to the encoder in pieces that end at `cuts`.
    private func wire(_ message: String, lines: Int? = nil, piece: Int = .max) -> String {
        var encoder = POP3MessageEncoder(lines: lines)
        var output: [UInt8] = []
        var rest = Array(message.utf8)[...]
        while !rest.isEmpty, !encoder.isComplete {
            encoder.encode(Array(rest.prefix(piece)), into: &output)
            rest = rest.dropFirst(piece)
        }
        encoder.end(into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private static let messages: [(message: String, wire: String)] = [
        ("", ".\r\n"),
        ("A: b\r\n\r\nhello\r\n", "A: b\r\n\r\nhello\r\n.\r\n"),
        ("no end", "no end\r\n.\r\n"),
        ("A: b\r\n\r\n.\r\n..\r\n...x\r\n.\t\r\n", "A: b\r\n\r\n..\r\n...\r\n....x\r\n..\t\r\n.\r\n"),
        (".first", "..first\r\n.\r\n"),
        ("a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n"),
        ("x\r\n.", "x\r\n..\r\n.\r\n"),
        // Only APPEND lets a bare LF or CR in. No client may find a lone dot there, whatever it takes for a line's end.
        ("x\n.\ny\n", "x\n..\ny\n\r\n.\r\n"),
        ("x\n.\r\nRETR 2\r\n", "x\n..\r\nRETR 2\r\n.\r\n"),
        ("x\r", "x\r\r\n.\r\n"),
        ("x\r.\r\n", "x\r.\r\n.\r\n"),
    ]

    @Test(arguments: messages) func `dots are stuffed, however the message is cut`(
        _ message: String, _ expected: String
    ) {
        for piece in [1, 2, 3, 5, 7, .max] { #expect(wire(message, piece: piece) == expected) }
    }

    private static let mail = "A: b\r\nC: d\r\n\r\n1\r\n.2\r\n\r\n4"

    @Test(arguments: [
        (0, "A: b\r\nC: d\r\n\r\n.\r\n"), (1, "A: b\r\nC: d\r\n\r\n1\r\n.\r\n"),
        (2, "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n.\r\n"), (3, "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n\r\n.\r\n"),
        (4, "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n\r\n4\r\n.\r\n"),
        (2_147_483_647, "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n\r\n4\r\n.\r\n"),
    ])
    func `TOP gives the header, the empty line and so many lines`(_ lines: Int, _ expected: String) {
        for piece in [1, 2, 3, 5, .max] { #expect(wire(Self.mail, lines: lines, piece: piece) == expected) }
    }

    @Test(arguments: ["", "A: b", "A: b\r\n", "A: b\r\n\rx\r\n"])
    func `TOP of a message without a body gives what there is`(_ message: String) {
        for piece in [1, 2, .max] { #expect(wire(message, lines: 5, piece: piece) == wire(message)) }
    }

    @Test func `TOP of a message that begins with an empty line, and of bare line feeds`() {
        #expect(wire("\r\nbody\r\n", lines: 0) == "\r\n.\r\n")
        #expect(wire("A: b\n\none\ntwo\n", lines: 1) == "A: b\n\none\n\r\n.\r\n")
    }

    @Test func `TOP stops asking when it has its lines`() {
        var encoder = POP3MessageEncoder(lines: 0)
        var output: [UInt8] = []
        encoder.encode(Array("A: b\r\n\r\n".utf8), into: &output)
        #expect(encoder.isComplete)
        encoder.encode(Array("never seen".utf8), into: &output)
        #expect(String(decoding: output, as: UTF8.self) == "A: b\r\n\r\n")
    }
}
