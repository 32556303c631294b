import POP3Server
import Testing

@Suite struct TransactionTests {
    /// The example of RFC 1939 10, with our words behind the numbers.
    @Test func `the dialogue of RFC 1939`() {
        var server = Conversation.loggedIn()
        #expect(server.say("STAT") == "+OK 2 320")
        #expect(server.say("LIST") == "+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.")
        #expect(server.say("RETR 1") == "+OK Message follows <message>")
        #expect(server.say("DELE 1") == "+OK Message 1 marked")
        #expect(server.say("RETR 2") == "+OK Message follows <message>")
        #expect(server.say("DELE 2") == "+OK Message 2 marked")
        #expect(server.say("QUIT") == "+OK Bye, 2 messages deleted")
        #expect(server.removed == [10...20] && server.isClosed && server.reason == .quit)
    }

    @Test func `LIST and UIDL of one message`() {
        var server = Conversation.loggedIn()
        #expect(server.say("LIST 2") == "+OK 2 200")
        #expect(server.say("UIDL 2") == "+OK 2 7.20")
        #expect(server.say("UIDL") == "+OK 2 messages (320 octets)\r\n1 7.10\r\n2 7.20\r\n.")
        #expect(server.say("TOP 1 10") == "+OK Message follows <header and 10 lines>")
        #expect(server.say("NOOP") == "+OK Nothing done")
    }

    @Test(arguments: ["RETR 3", "RETR 2147483647", "LIST 3", "UIDL 3", "DELE 3", "TOP 3 0"])
    func `there is no such message`(_ line: String) {
        var server = Conversation.loggedIn()
        #expect(server.say(line) == "-ERR No such message")
        #expect(server.say("QUIT") == "+OK Bye" && server.removed == nil)
    }

    @Test func `a marked message is gone until RSET, and nothing is renumbered`() {
        var server = Conversation.loggedIn()
        #expect(server.say("DELE 1") == "+OK Message 1 marked")
        for line in ["DELE 1", "RETR 1", "LIST 1", "UIDL 1", "TOP 1 0"] {
            #expect(server.say(line) == "-ERR No such message")
        }
        #expect(server.say("STAT") == "+OK 1 200")
        #expect(server.say("LIST") == "+OK 1 message (200 octets)\r\n2 200\r\n.")
        #expect(server.say("RSET") == "+OK Maildrop has 2 messages (320 octets)")
        #expect(server.say("RETR 1") == "+OK Message follows <message>")
        #expect(server.say("QUIT") == "+OK Bye" && server.removed == nil)
    }

    @Test func `neighbours are removed as one run, others apart`() {
        var server = Conversation.loggedIn(sizes: [1, 1, 1, 1, 1, 1])
        for number in [6, 1, 2, 4] { _ = server.say("DELE \(number)") }
        #expect(server.say("QUIT") == "+OK Bye, 4 messages deleted")
        #expect(server.removed == [10...20, 40...40, 60...60])
    }

    @Test func `QUIT says so when nothing was removed`() {
        var server = Conversation.loggedIn()
        _ = server.say("DELE 1")
        server.leaseIsLost = true
        #expect(server.say("QUIT") == "-ERR [SYS/TEMP] Some messages may not have been removed")
        #expect(server.isClosed && server.reason == .leaseLost)
        server = Conversation.loggedIn()
        _ = server.say("DELE 1")
        server.databaseIsDown = true
        #expect(server.say("QUIT") == "-ERR [SYS/TEMP] Some messages may not have been removed")
        #expect(server.isClosed && server.reason == .storage)
    }

    @Test func `a message that was expunged meanwhile, and storage that is away, end no session`() {
        var server = Conversation.loggedIn()
        server.gone = [0]
        #expect(server.say("RETR 1") == "-ERR Message was removed meanwhile")
        server.databaseIsDown = true
        #expect(server.say("RETR 2").hasPrefix("-ERR [SYS/TEMP] "))
        server.databaseIsDown = false
        #expect(server.say("RETR 2") == "+OK Message follows <message>")
        #expect(server.state == "transaction")
    }

    @Test func `an empty maildrop`() {
        var server = Conversation.loggedIn(sizes: [])
        #expect(server.say("STAT") == "+OK 0 0")
        #expect(server.say("LIST") == "+OK 0 messages (0 octets)\r\n.")
        #expect(server.say("UIDL") == "+OK 0 messages (0 octets)\r\n.")
        #expect(server.say("RETR 1") == "-ERR No such message")
    }

    @Test func `nonsense is put up with for a while, and one good command forgives`() {
        var server = Conversation.loggedIn()
        let limit = POP3Configuration().maximumBadCommands
        for _ in 1..<limit { _ = server.say("RETR x") }
        _ = server.say("NOOP")
        for _ in 1..<limit { #expect(server.say("WHAT") == "-ERR Unknown command") }
        #expect(!server.isClosed)
        #expect(server.say("WHAT") == "-ERR Too many errors, closing connection" && server.isClosed)
    }

    @Test func `the third line that is too long ends the session`() {
        var server = Conversation.loggedIn()
        #expect(server.sayTooMuch() == "-ERR Line too long" && !server.isClosed)
        #expect(server.say("STAT " + String(repeating: "x", count: 600)) == "-ERR Line too long" && !server.isClosed)
        #expect(server.sayTooMuch() == "-ERR Line too long" && server.isClosed)
    }

    @Test func `an over-long line ends an AUTH exchange`() {
        var server = Conversation()
        _ = server.say("AUTH PLAIN")
        _ = server.sayTooMuch()
        #expect(server.state == "authorization")
    }
}
