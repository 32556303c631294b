import MailCore
import SMTPServer
import Storage
import Testing

/// Who may have mail sent on, and where to (RFC 5321 3.6, RFC 6409).
@Suite struct SMTPRelayingTests {
    private func submission() -> Dialogue {
        var server = Dialogue(.submission, secure: true)
        _ = server.say("EHLO c.test")
        // \0alice@local.test\0secret
        #expect(server.say("AUTH PLAIN AGFsaWNlQGxvY2FsLnRlc3QAc2VjcmV0").hasPrefix("235"))
        _ = server.say("MAIL FROM:<alice@local.test>")
        return server
    }

    @Test func `an account may name recipients elsewhere, each once`() {
        var server = submission()
        for line in ["<u@remote.test>", "<u@Remote.TEST>", "<U@remote.test>", "<bob@local.test>"] {
            #expect(server.say("RCPT TO:\(line)") == "250 2.1.5 Recipient ok")
        }
        _ = server.say("DATA")
        #expect(
            server.received.first?.recipients == [
                AcceptedRecipient(address: "u@remote.test", account: nil),
                AcceptedRecipient(address: "U@remote.test", account: nil),
                AcceptedRecipient(address: "bob@local.test", account: Dialogue.bob.account),
            ])
    }

    @Test(arguments: ["<u@[192.0.2.1]>", "<u@[IPv6:2001:db8::1]>", "<nobody@local.test>"])
    func `but no address literals, and nobody unknown here`(path: String) {
        var server = submission()
        #expect(server.say("RCPT TO:\(path)").hasPrefix("550 5."))
    }

    @Test func `Postmaster is always here`() {
        var server = submission()
        #expect(server.say("RCPT TO:<Postmaster>") == "250 2.1.5 Recipient ok")
        var other = Dialogue(.submission, secure: true) { $0.hostname = "mx.nowhere.test" }
        _ = other.say("EHLO c.test")
        _ = other.say("AUTH PLAIN AGFsaWNlQGxvY2FsLnRlc3QAc2VjcmV0")
        _ = other.say("MAIL FROM:<alice@local.test>")
        #expect(other.say("RCPT TO:<Postmaster>") == "550 5.7.1 Relaying is not offered")
    }

    @Test(arguments: [SMTPRole.mx, .submission, .submissions])
    func `nobody else may`(role: SMTPRole) {
        var server = Dialogue(role, secure: true)
        _ = server.say("EHLO c.test")
        _ = server.say("MAIL FROM:<alice@local.test>")
        #expect(server.say("RCPT TO:<u@remote.test>").hasPrefix("5"))
        #expect(server.say("DATA").hasPrefix("5"))
    }

    @Test func `an alias forwards for everybody, with its own address kept`() {
        var server = Dialogue(.mx)
        _ = server.say("EHLO c.test")
        _ = server.say("MAIL FROM:<someone@elsewhere.test>")
        #expect(server.say("RCPT TO:<List@local.test>").hasPrefix("550"))
        #expect(server.say("RCPT TO:<list@local.test>") == "250 2.1.5 Recipient ok")
        _ = server.say("DATA")
        let transaction = server.received.first
        #expect(
            transaction?.recipients == [
                AcceptedRecipient(address: "list@local.test", account: Dialogue.bob.account),
                AcceptedRecipient(address: "friend@remote.test", account: nil, via: "list@local.test"),
                AcceptedRecipient(address: "u@REMOTE.test", account: nil, via: "list@local.test"),
            ])
        #expect(transaction?.forwarders == ["list@local.test"])
        #expect(transaction?.onlyRecipient == "list@local.test")
    }
}
