import POP3Server
import Testing

@Suite struct AuthorizationTests {
    @Test func `USER and PASS open the maildrop`() {
        var server = Conversation()
        #expect(server.state == "authorization")
        #expect(server.say("USER alice") == "+OK Say your password")
        #expect(server.say("PASS secret") == "+OK Maildrop has 2 messages (320 octets)")
        #expect(server.state == "transaction")
        #expect(server.say("USER bob") == "-ERR Already logged in")
        #expect(server.say("AUTH PLAIN") == "-ERR Already logged in")
        #expect(server.say("STLS") == "-ERR Already logged in")
    }

    @Test func `AUTH PLAIN with and without an initial response`() {
        var server = Conversation()
        #expect(server.say("AUTH PLAIN AGFsaWNlAHNlY3JldA==") == "+OK Maildrop has 2 messages (320 octets)")
        server = Conversation()
        #expect(server.say("AUTH PLAIN") == "+ ")
        #expect(server.state == "auth")
        #expect(server.say("AGFsaWNlAHNlY3JldA==") == "+OK Maildrop has 2 messages (320 octets)")
    }

    @Test(arguments: ["*", "=", "A", "AAA=", "AGEAYgBj", String(repeating: "A", count: 9000)])
    func `an AUTH exchange that goes wrong leads back to AUTHORIZATION`(_ response: String) {
        var server = Conversation()
        _ = server.say("AUTH PLAIN")
        #expect(server.say(response).hasPrefix("-ERR "))
        #expect(server.state == "authorization" && !server.isClosed)
        #expect(server.say("AUTH LOGIN") == "-ERR Mechanism not offered")
        #expect(server.say("AUTH SCRAM-SHA-256") == "-ERR Mechanism not offered")
    }

    @Test func `a wrong password, an unknown name and a name that cannot be one are answered alike`() {
        var answers: Set<String> = []
        for (name, password) in [
            ("alice", "wrong"), ("nobody", "secret"), ("a\u{e9}lice", "x"), (String(repeating: "x", count: 245), "x"),
        ] {
            var server = Conversation()
            #expect(server.say("USER \(name)") == "+OK Say your password")
            answers.insert(server.say("PASS \(password)"))
            #expect(server.say("PASS secret") == "-ERR Say USER first")
        }
        #expect(answers == ["-ERR [AUTH] Authentication failed"])
    }

    @Test func `the third failed login ends the session`() {
        var server = Conversation()
        for attempt in 1...3 {
            _ = server.say("USER alice")
            #expect(server.say("PASS wrong") == "-ERR [AUTH] Authentication failed")
            #expect(server.isClosed == (attempt == 3))
        }
        #expect(server.reason == .guessing)
    }

    @Test(arguments: [
        "USER alice", "USER nobody", "PASS secret", "PASS wrong", "AUTH PLAIN", "AUTH PLAIN AGFsaWNlAHNlY3JldA==",
    ])
    func `in clear text no credentials are looked at, and all are answered alike`(_ line: String) {
        var server = Conversation(secure: false)
        #expect(server.say(line) == "-ERR Start TLS first")
        #expect(server.reason == .tlsRequired)
    }

    @Test func `STLS once, and what was said before is forgotten`() {
        var server = Conversation(secure: false)
        #expect(server.say("CAPA").contains("\r\nSTLS\r\n") && !server.say("CAPA").contains("USER"))
        #expect(server.say("STLS") == "+OK Begin TLS negotiation now")
        #expect(server.say("CAPA").contains("\r\nUSER\r\nSASL PLAIN\r\n") && !server.say("CAPA").contains("STLS"))
        #expect(server.say("STLS") == "-ERR TLS is not possible now")
        #expect(server.say("PASS secret") == "-ERR Say USER first")
        var plain = Conversation(secure: false, offersTLS: false)
        #expect(plain.say("STLS") == "-ERR TLS is not possible now" && !plain.say("CAPA").contains("STLS"))
    }

    @Test func `clear text behind STLS ends the connection without an answer`() {
        var server = Conversation(secure: false)
        server.isPipelined = true
        #expect(server.say("STLS").isEmpty)
        #expect(server.isClosed && server.reason == .plaintextInjection)
    }

    @Test(arguments: ["STAT", "LIST", "LIST 1", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "NOOP", "RSET"])
    func `nothing of a maildrop before login`(_ line: String) {
        for secure in [false, true] {
            var server = Conversation(secure: secure)
            #expect(server.say(line) == "-ERR Log in first")
        }
    }

    @Test func `a maildrop that another session has, and storage that is away, leave the client where it was`() {
        var server = Conversation()
        server.maildropIsTaken = true
        _ = server.say("USER alice")
        #expect(server.say("PASS secret") == "-ERR [IN-USE] Another session has the maildrop")
        #expect(server.state == "authorization")
        server.maildropIsTaken = false
        server.databaseIsDown = true
        _ = server.say("USER alice")
        #expect(server.say("PASS secret").hasPrefix("-ERR [SYS/TEMP] "))
        server.databaseIsDown = false
        _ = server.say("USER alice")
        #expect(server.say("PASS secret").hasPrefix("+OK"))
    }

    @Test func `who never logs in is let go, and has less time`() {
        var server = Conversation()
        #expect(server.patience(after: .zero) == .seconds(60))
        #expect(server.patience(after: .seconds(50)) == .seconds(10) && server.patience(after: .seconds(70)) == .zero)
        for _ in 1..<POP3Configuration().maximumCommandsBeforeLogin { _ = server.say("CAPA") }
        #expect(!server.isClosed)
        #expect(server.say("CAPA") == "-ERR Too many errors, closing connection")
        #expect(server.reason == .junk)
        #expect(Conversation.loggedIn().patience(after: .seconds(70)) == .seconds(600))
    }

    @Test func `QUIT and browsers`() {
        var server = Conversation()
        #expect(server.say("QUIT") == "+OK Bye" && server.isClosed && server.removed == nil)
        var browser = Conversation(secure: false)
        #expect(browser.say("GET / HTTP/1.1").isEmpty && browser.isClosed && browser.reason == .http)
    }

    @Test func `who watches sees no password`() {
        var server = Conversation()
        #expect(server.shown("USER alice") == "USER alice")
        #expect(server.shown("PASS secret") == "PASS <secret, 6 bytes>")
        #expect(server.shown("AUTH PLAIN AGFsaWNlAHNlY3JldA==") == "AUTH PLAIN <secret, 20 bytes>")
        #expect(server.shown("AUTH secret") == "AUTH <secret, 0 bytes>")
        #expect(server.shown("secret") == "<secret, 6 bytes>")
        _ = server.say("AUTH PLAIN")
        #expect(server.shown("STAT") == "<secret, 4 bytes>")
    }
}
