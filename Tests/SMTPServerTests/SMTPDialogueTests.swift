import SMTPServer
import Testing

@Suite struct SMTPDialogueTests {
    @Test func aMailForALocalRecipient() {
        var server = Dialogue(.mx)
        #expect(
            server.say("EHLO mx.remote.test")
                == "250-mx.local.test\r\n250-PIPELINING\r\n250-SIZE 67108864\r\n250-STARTTLS\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"
        )
        #expect(server.say("MAIL FROM:<m@evil.test> SIZE=100 BODY=8BITMIME") == "250 2.1.0 Sender ok")
        #expect(server.say("RCPT TO:<bob@local.test>") == "250 2.1.5 Recipient ok")
        #expect(server.say("DATA") == "354 End data with <CR><LF>.<CR><LF>")
        #expect(server.follow(server.machine.messageEnded(.accepted(id: "42"))) == "250 2.0.0 42")
        #expect(server.received.first?.sender == "m@evil.test")
        #expect(server.received.first?.onlyRecipient == "bob@local.test")
        #expect(server.say("QUIT") == "221 2.0.0 Bye")
        #expect(server.isClosed)
    }

    @Test func unknownAndForeignRecipients() {
        var server = Dialogue(.mx)
        _ = server.say("EHLO c.test")
        _ = server.say("MAIL FROM:<>")
        #expect(server.say("RCPT TO:<nobody@local.test>") == "550 5.1.1 No such recipient here")
        #expect(server.say("RCPT TO:<u@remote.test>") == "550 5.7.1 Relaying is not offered")
        #expect(server.say("DATA").hasPrefix("554 5.5.1"))
        #expect(!server.isClosed)
    }

    @Test func oneCopyPerAccountHoweverManyAddressesLeadThere() {
        var server = Dialogue(.mx)
        _ = server.say("EHLO c.test")
        _ = server.say("MAIL FROM:<>")
        for address in ["bob@local.test", "bob@local.test", "team@local.test", "alice+tag@local.test"] {
            #expect(server.say("RCPT TO:<\(address)>").hasPrefix("250 "))
        }
        _ = server.say("DATA")
        #expect(server.received.first?.recipients.count == 2)
        #expect(server.received.first?.onlyRecipient == nil)
    }

    @Test func postmasterWithoutADomain() {
        var server = Dialogue(.mx)
        _ = server.say("EHLO c.test")
        _ = server.say("MAIL FROM:<>")
        #expect(server.say("RCPT TO:<Postmaster>").hasPrefix("250 "))
    }

    @Test(arguments: ["MAIL FROM:<a@b.test>", "RCPT TO:<bob@local.test>", "STARTTLS"])
    func helloComesFirst(_ line: String) {
        var server = Dialogue(.mx)
        #expect(server.say(line).hasPrefix("503 5.5.1"))
    }

    @Test func sequence() {
        var server = Dialogue(.mx)
        _ = server.say("HELO c.test")
        #expect(server.say("RCPT TO:<bob@local.test>") == "503 5.5.1 Need MAIL first")
        #expect(server.say("DATA") == "503 5.5.1 Need MAIL first")
        _ = server.say("MAIL FROM:<a@b.test>")
        #expect(server.say("MAIL FROM:<a@b.test>") == "503 5.5.1 Sender already given")
        #expect(server.say("STARTTLS").hasPrefix("503 "))
        #expect(server.say("RSET") == "250 2.0.0 Ok")
        #expect(server.say("RCPT TO:<bob@local.test>") == "503 5.5.1 Need MAIL first")
    }

    @Test func tlsForgetsEverything() {
        var server = Dialogue(.mx)
        #expect(server.say("STARTTLS x").hasPrefix("501 "))
        _ = server.say("EHLO c.test")
        #expect(server.say("STARTTLS") == "220 2.0.0 Ready to start TLS")
        #expect(server.machine.clientName.isEmpty)
        #expect(server.say("RCPT TO:<bob@local.test>").hasPrefix("503 "))
        #expect(!server.say("EHLO c.test").contains("STARTTLS"))
        #expect(server.say("STARTTLS") == "503 5.5.1 TLS is already active")
    }

    @Test func sizes() {
        var server = Dialogue(.mx)
        _ = server.say("EHLO c.test")
        #expect(server.say("MAIL FROM:<a@b.test> SIZE=67108865").hasPrefix("552 5.3.4"))
        #expect(server.say("MAIL FROM:<a@b.test> SIZE=99999999999999999999").hasPrefix("552 "))
        #expect(server.say("MAIL FROM:<a@b.test> SIZE=-1").hasPrefix("501 "))
        #expect(server.say("MAIL FROM:<a@b.test> SIZE=67108864").hasPrefix("250 "))
    }

    @Test func verificationTellsNothing() {
        var server = Dialogue(.mx)
        _ = server.say("EHLO c.test")
        #expect(server.say("VRFY alice@local.test") == server.say("VRFY nobody@local.test"))
        #expect(server.say("VRFY alice").hasPrefix("252 "))
        #expect(server.say("EXPN team").hasPrefix("502 "))
    }

    @Test func whatEndsASession() {
        for line in ["BDAT 60 LAST", "POST / HTTP/1.1", "GET / HTTP/1.0"] {
            var server = Dialogue(.mx)
            _ = server.say("EHLO c.test")
            _ = server.say(line)
            #expect(server.isClosed)
        }
        #expect(Dialogue(.mx).say2("BDAT 1").hasPrefix("502 "))
    }

    @Test func aRefusedDataWithABodyBehindItEndsTheSession() {
        var server = Dialogue(.mx)
        _ = server.say("EHLO c.test")
        server.isPipelined = true
        #expect(server.say("DATA").hasPrefix("503 "))
        #expect(server.isClosed)
    }

    @Test func counters() {
        var server = Dialogue(.mx)
        _ = server.say("EHLO c.test")
        for _ in 0..<98 { #expect(server.say("NOOP") == "250 2.0.0 Ok") }
        #expect(server.say("NOOP").hasPrefix("421 4.7.0"))
        #expect(server.isClosed)

        var guesser = Dialogue(.mx)
        _ = guesser.say("EHLO c.test")
        _ = guesser.say("MAIL FROM:<>")
        for _ in 0..<9 { #expect(guesser.say("RCPT TO:<guess@local.test>").hasPrefix("550 ")) }
        #expect(guesser.say("RCPT TO:<guess@local.test>").hasPrefix("421 "))

        var talker = Dialogue(.mx)
        let long = "NOOP " + String(repeating: "A", count: 600)
        #expect(talker.say(long).hasPrefix("500 "))
        #expect(talker.follow(talker.machine.lineTooLong()).hasPrefix("500 "))
        #expect(!talker.isClosed)
        #expect(talker.say(long).hasPrefix("500 "))
        #expect(talker.isClosed)
    }

    @Test func recipientsAboveTheLimitAreNoJunk() {
        var server = Dialogue(.mx) { $0.maximumRecipients = 3 }
        _ = server.say("EHLO c.test")
        _ = server.say("MAIL FROM:<>")
        for _ in 0..<3 { #expect(server.say("RCPT TO:<bob@local.test>").hasPrefix("250 ")) }
        for _ in 0..<300 { #expect(server.say("RCPT TO:<bob@local.test>").hasPrefix("452 4.5.3")) }
        #expect(server.say("DATA").hasPrefix("354"))
    }

    @Test func deadAddressesAmongGoodOnesAreNoGuessing() {
        var list = Dialogue(.mx)
        _ = list.say("EHLO c.test")
        _ = list.say("MAIL FROM:<>")
        #expect(list.say("RCPT TO:<bob@local.test>").hasPrefix("250 "))
        for _ in 0..<30 { #expect(list.say("RCPT TO:<gone@local.test>").hasPrefix("550 ")) }
        #expect(list.say("DATA").hasPrefix("354"))
        _ = list.follow(list.machine.messageEnded(.accepted(id: "1")))
        _ = list.say("MAIL FROM:<>")
        #expect(list.say("RCPT TO:<gone@local.test>").hasPrefix("550 "))

        var user = Dialogue.loggedIn()
        _ = user.say("MAIL FROM:<alice@local.test>")
        for _ in 0..<30 { #expect(user.say("RCPT TO:<gone@local.test>").hasPrefix("550 ")) }
        #expect(!user.isClosed)
    }

    @Test func whatMayBeShownToWhoeverWatches() {
        var server = Dialogue(.mx)
        func shows(_ line: String) -> Bool { server.machine.mayShow(Array(line.utf8)) }
        for line in ["EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<bob@local.test>", "DATA", "quit"] {
            #expect(shows(line))
        }
        // A refused AUTH LOGIN, pipelined: what follows comes as commands.
        _ = server.say("EHLO c.test")
        #expect(server.say("AUTH LOGIN").hasPrefix("538 "))
        for line in [
            "AUTH LOGIN", "auth plain AGFsaWNlQGxvY2FsLnRlc3QAc2VjcmV0", "AUTHX c2VjcmV0", "YWxpY2U=", "c2VjcmV0", "",
            "secret", "PASS secret", "GET /?password=secret HTTP/1.1", "MAIL secret",
        ] { #expect(!shows(line), "\(line)") }

        var client = Dialogue(.submissions, secure: true)
        _ = client.say("EHLO c.test")
        #expect(client.say("AUTH LOGIN").hasPrefix("334 "))
        #expect(!client.machine.mayShow(Array("QUIT".utf8)))
    }

    @Test func anAcceptedMailClearsTheCounter() {
        var server = Dialogue(.mx)
        for _ in 0..<300 {
            _ = server.say("EHLO c.test")
            _ = server.say("MAIL FROM:<>")
            _ = server.say("RCPT TO:<bob@local.test>")
            #expect(server.say("DATA").hasPrefix("354"))
            _ = server.follow(server.machine.messageEnded(.accepted(id: "1")))
        }
        #expect(!server.isClosed)
    }

    @Test func recipientLimit() {
        var server = Dialogue(.mx) { $0.maximumRecipients = 3 }
        _ = server.say("EHLO c.test")
        _ = server.say("MAIL FROM:<>")
        for _ in 0..<3 { #expect(server.say("RCPT TO:<bob@local.test>").hasPrefix("250 ")) }
        #expect(server.say("RCPT TO:<bob@local.test>") == "452 4.5.3 Too many recipients")
        #expect(server.say("DATA").hasPrefix("354"))
        #expect(server.received.first?.recipients.count == 1)
    }

    @Test func outcomesOfAMail() {
        let replies: [(MessageOutcome, String)] = [
            (.bareNewline, "550 5.5.2"), (.tooLarge, "552 5.3.4"), (.loop, "554 5.4.6"),
            (.temporaryFailure, "451 4.3.0"), (.outboxFull, "451 4.3.1"),
        ]
        for (outcome, reply) in replies {
            var server = Dialogue(.mx)
            _ = server.say("EHLO c.test")
            _ = server.say("MAIL FROM:<>")
            _ = server.say("RCPT TO:<bob@local.test>")
            _ = server.say("DATA")
            #expect(server.follow(server.machine.messageEnded(outcome)).hasPrefix(reply))
            #expect(server.say("MAIL FROM:<>").hasPrefix("250 "))
        }
    }

    @Test func withoutADatabaseTheClientKeepsTheMail() {
        var server = Dialogue(.mx)
        server.databaseIsDown = true
        _ = server.say("EHLO c.test")
        _ = server.say("MAIL FROM:<>")
        #expect(server.say("RCPT TO:<bob@local.test>").hasPrefix("451 4.3.0"))
        server.databaseIsDown = false
        #expect(server.say("RCPT TO:<bob@local.test>").hasPrefix("250 "))
    }
}

extension Dialogue {
    fileprivate func say2(_ line: String) -> String {
        var copy = self
        return copy.say(line)
    }
}
