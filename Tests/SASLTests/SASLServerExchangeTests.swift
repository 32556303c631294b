import MailCore
import MailWire
import SASL
import Testing

private func base64(_ text: String) -> [UInt8] { Base64.encode(Array(text.utf8)) }

private func name(_ step: SASLServerExchange.Step) -> String {
    switch step {
    case .challenge(let text): "challenge \(String(decoding: text, as: UTF8.self))"
    case .credentials(let found): "\(found.identity):\(String(decoding: found.password.reveal(), as: UTF8.self))"
    case .cancelled: "cancelled"
    case .malformed: "malformed"
    }
}

@Suite struct SASLServerExchangeTests {
    @Test func plainWithInitialResponse() {
        var exchange = SASLServerExchange(.plain)
        #expect(name(exchange.begin(initial: base64("\0alice@local.test\0secret"))) == "alice@local.test:secret")
        #expect(name(exchange.respond(base64("\0a\0b"))) == "malformed")
    }

    @Test func plainByContinuation() {
        var exchange = SASLServerExchange(.plain)
        #expect(name(exchange.begin(initial: nil)) == "challenge ")
        #expect(name(exchange.respond(base64("a\0a\0b"))) == "a:b")
    }

    @Test func login() {
        var exchange = SASLServerExchange(.login)
        #expect(name(exchange.begin(initial: nil)) == "challenge VXNlcm5hbWU6")
        #expect(name(exchange.respond(base64("alice"))) == "challenge UGFzc3dvcmQ6")
        #expect(name(exchange.respond(base64("pw"))) == "alice:pw")
    }

    @Test func loginWithNameInCommand() {
        var exchange = SASLServerExchange(.login)
        #expect(name(exchange.begin(initial: base64("alice"))) == "challenge UGFzc3dvcmQ6")
    }

    @Test(arguments: ["\0\0", "a\0b\0c\0d", "alice", "other\0alice\0pw", "\0\u{7F}\0pw", "\0al\nice\0pw", "\0a\0"])
    func refusesOddPlainMessages(_ message: String) {
        var exchange = SASLServerExchange(.plain)
        #expect(name(exchange.begin(initial: base64(message))) == "malformed")
    }

    @Test(arguments: ["=", "A", "AA=", "====", "AGE\u{0}", "AGEAYg= ", "-_-_"])
    func refusesWhatIsNotBase64(_ text: String) {
        var exchange = SASLServerExchange(.plain)
        #expect(name(exchange.begin(initial: Array(text.utf8))) == "malformed")
    }

    @Test func starCancels() {
        var exchange = SASLServerExchange(.login)
        _ = exchange.begin(initial: nil)
        #expect(name(exchange.respond([UInt8(ascii: "*")])) == "cancelled")
    }

    @Test func refusesHugeNamesAndBadUTF8() {
        var exchange = SASLServerExchange(.plain)
        let long = [0] + [UInt8](repeating: 0x61, count: 10_000) + [0, 0x62]
        #expect(name(exchange.begin(initial: Base64.encode(long))) == "malformed")
        var other = SASLServerExchange(.plain)
        #expect(name(other.begin(initial: Base64.encode([0, 0xFF, 0, 0x62]))) == "malformed")
    }

    @Test func mechanismNamesInAnyCase() {
        #expect(SASLMechanism(Array("plain".utf8)) == .plain)
        #expect(SASLMechanism(Array("LoGiN".utf8)) == .login)
        #expect(SASLMechanism(Array("CRAM-MD5".utf8)) == nil)
    }

    @Test func credentialsPrintNothing() {
        var exchange = SASLServerExchange(.plain)
        guard case .credentials(let found) = exchange.begin(initial: base64("\0alice\0canary")) else {
            Issue.record("no credentials")
            return
        }
        #expect(!"\(found)".contains("canary"))
        #expect(!String(reflecting: found).contains("canary"))
    }
}
