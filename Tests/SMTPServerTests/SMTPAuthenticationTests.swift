import SMTPServer
import Testing

@Suite struct SMTPAuthenticationTests {
    @Test func inClearTextNothingIsLookedAt() {
        for role in SMTPRole.allCases {
            var server = Dialogue(role)
            #expect(!server.say("EHLO c.test").contains("AUTH"))
            let right = server.say("AUTH PLAIN AGFsaWNlQGxvY2FsLnRlc3QAc2VjcmV0")
            #expect(right.hasPrefix("538 5.7.11"))
            #expect(server.say("AUTH PLAIN AGEAYg==") == right)
        }
    }

    @Test func notOfferedToOtherServers() {
        var server = Dialogue(.mx, secure: true)
        #expect(!server.say("EHLO c.test").contains("AUTH"))
        #expect(server.say("AUTH PLAIN AGEAYg==").hasPrefix("502 "))
    }

    @Test func plainAtOnce() {
        var server = Dialogue(.submissions, secure: true)
        #expect(server.say("EHLO c.test").contains("AUTH PLAIN LOGIN"))
        #expect(server.say("MAIL FROM:<alice@local.test>") == "530 5.7.0 Authentication required")
        #expect(server.say("AUTH PLAIN AGFsaWNlQGxvY2FsLnRlc3QAc2VjcmV0") == "235 2.7.0 Authentication successful")
        #expect(server.say("AUTH PLAIN AGEAYg==").hasPrefix("503 "))
        #expect(server.say("MAIL FROM:<alice@local.test>") == "250 2.1.0 Sender ok")
    }

    @Test func loginStepByStep() {
        var server = Dialogue(.submission, secure: true)
        _ = server.say("EHLO c.test")
        #expect(server.say("AUTH LOGIN") == "334 VXNlcm5hbWU6")
        #expect(server.say("YWxpY2VAbG9jYWwudGVzdA==") == "334 UGFzc3dvcmQ6")
        #expect(server.say("c2VjcmV0") == "235 2.7.0 Authentication successful")
    }

    @Test func cancelledAndMalformed() {
        var server = Dialogue(.submission, secure: true)
        _ = server.say("EHLO c.test")
        _ = server.say("AUTH PLAIN")
        #expect(server.say("*").hasPrefix("501 5.7.0"))
        #expect(server.say("AUTH PLAIN =").hasPrefix("501 "))
        #expect(server.say("AUTH PLAIN AAAA").hasPrefix("501 "))
        #expect(!server.isClosed)
        #expect(server.say("AUTH CRAM-MD5").hasPrefix("504 "))
    }

    @Test func threeFailuresEndTheSession() {
        var server = Dialogue(.submission, secure: true)
        _ = server.say("EHLO c.test")
        for _ in 0..<2 { #expect(server.say("AUTH PLAIN AGEAYg==").hasPrefix("535 5.7.8")) }
        #expect(server.say("AUTH PLAIN AGEAYg==").hasPrefix("421 "))
        #expect(server.isClosed)
    }

    @Test func aSenderIsForWhoOwnsIt() {
        let refused = "553 5.7.1 Sender address is not yours"
        for (sender, answer) in [
            ("alice@local.test", "250 2.1.0 Sender ok"), ("alice+tag@local.test", "250 2.1.0 Sender ok"),
            ("al@local.test", "250 2.1.0 Sender ok"), ("", "250 2.1.0 Sender ok"), ("bob@local.test", refused),
            ("team@local.test", refused), ("ceo@remote.test", refused), ("nobody@local.test", refused),
        ] {
            var server = Dialogue.loggedIn()
            #expect(server.say("MAIL FROM:<\(sender)>") == answer)
        }
    }

    @Test func withoutADatabaseTheAnswerIsTemporary() {
        var server = Dialogue(.submission, secure: true)
        server.databaseIsDown = true
        _ = server.say("EHLO c.test")
        #expect(server.say("AUTH PLAIN AGFsaWNlQGxvY2FsLnRlc3QAc2VjcmV0").hasPrefix("454 "))
    }
}
