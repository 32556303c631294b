import SMTPGrammar
import Testing

private func parse(_ text: String) -> SMTPCommand? { try? SMTPCommand(Array(text.utf8)) }

private func failure(_ bytes: [UInt8]) -> SMTPSyntaxError? {
    do throws(SMTPSyntaxError) {
        _ = try SMTPCommand(bytes)
        return nil
    } catch {
        return error
    }
}

private func failure(_ text: String) -> SMTPSyntaxError? { failure(Array(text.utf8)) }

private func mail(_ text: String) -> (address: String?, parameters: MailParameters)? {
    guard case .mail(let path, let parameters) = parse(text) else { return nil }
    if case .mailbox(let mailbox) = path { return (mailbox.address, parameters) }
    return (nil, parameters)
}

private func recipient(_ path: String) -> String? {
    guard case .rcpt(let parsed) = parse("RCPT TO:\(path)") else { return nil }
    switch parsed {
    case .mailbox(let mailbox): return mailbox.address
    case .postmaster: return "postmaster"
    case .null: return "null"
    }
}

@Suite struct SMTPCommandTests {
    @Test func verbsInAnyLetterCase() {
        #expect(parse("ehlo mx.remote.test") == .ehlo("mx.remote.test"))
        #expect(parse("HeLo [192.0.2.1]") == .helo("[192.0.2.1]"))
        #expect(parse("EHLO [IPv6:2001:db8::1]") == .ehlo("[IPv6:2001:db8::1]"))
        #expect(parse("data") == .data)
        #expect(parse("DATA  ") == .data)
        #expect(parse("RSET") == .rset)
        #expect(parse("NOOP whatever") == .noop)
        #expect(parse("VRFY alice") == .vrfy)
        #expect(parse("QUIT") == .quit)
        #expect(parse("STARTTLS") == .startTLS)
        #expect(parse("BDAT 60 LAST") == .bdat)
        #expect(parse("POST / HTTP/1.1") == .http)
    }

    @Test func argumentsWhereNoneBelong() {
        #expect(failure("STARTTLS x") == .arguments)
        #expect(failure("DATA now") == .arguments)
        #expect(failure("RSET 1") == .arguments)
        #expect(failure("EHLO") == .arguments)
        #expect(failure("EHLO x\r\nX-Inj: 1") == .arguments)
        #expect(failure("EHLO <script>") == .arguments)
        #expect(failure("EHLO a b") == .arguments)
        #expect(failure("FOO") == .unknownVerb)
        #expect(failure("") == .unknownVerb)
    }

    @Test func mailWithParameters() {
        let simple = mail("MAIL FROM:<Alice@Local.Test>")
        #expect(simple?.address == "Alice@Local.Test")
        #expect(simple?.parameters == MailParameters())
        let full = mail("mail from:<a@b.test> SIZE=1234 BODY=8BITMIME AUTH=<>")
        #expect(full?.parameters.size == 1234)
        #expect(full?.parameters.is8Bit == true)
        #expect(mail("MAIL FROM:<>").map { $0.address == nil } == true)
        #expect(mail("MAIL FROM: <a@b.test>")?.address == "a@b.test")
        #expect(mail("MAIL FROM:<a@b.test> SIZE=99999999999999999999")?.parameters.size == .max)
    }

    @Test(arguments: [
        "MAIL FROM:<a@b.test> SIZE=-1", "MAIL FROM:<a@b.test> SIZE=abc", "MAIL FROM:<a@b.test> SIZE=",
        "MAIL FROM:<a@b.test> SIZE=1 SIZE=2", "MAIL FROM:<a@b.test> BODY=9BIT", "MAIL FROM:<a@b.test> SIZE",
        "MAIL FROM:<a@b.test>SIZE=1", "MAIL FROM:<a@b.test> =1", "MAIL FROM:<a@b.test> SIZE=999999999999999999999",
    ])
    func badParameters(_ line: String) { #expect(failure(line) == .parameter) }

    @Test func unknownParameters() {
        #expect(failure("MAIL FROM:<a@b.test> SMTPUTF8") == .unknownParameter)
        #expect(failure("MAIL FROM:<a@b.test> RET=HDRS") == .unknownParameter)
        #expect(failure("RCPT TO:<a@b.test> NOTIFY=NEVER") == .unknownParameter)
    }

    @Test func addresses() {
        #expect(recipient("<user+tag@local.test>") == "user+tag@local.test")
        #expect(recipient("<\"alice\"@local.test>") == "alice@local.test")
        #expect(recipient("<\"a b\"@local.test>") == "\"a b\"@local.test")
        #expect(recipient("<\"a\\\"b\"@local.test>") == "\"a\\\"b\"@local.test")
        #expect(recipient("<Postmaster>") == "postmaster")
        #expect(recipient("<user@[192.0.2.1]>") == "user@[192.0.2.1]")
        #expect(recipient("<@one.test,@two.test:user@remote.test>") == "user@remote.test")
        #expect(recipient("<;touch#pwned@evil.test>") == nil)
        #expect(recipient("<${run{touch}}@local.test>") == "${run{touch}}@local.test")
        #expect(recipient("<\"$(touch pwned)\"@local.test>") == "\"$(touch pwned)\"@local.test")
        #expect(recipient("<%n%n%s@local.test>") == "%n%n%s@local.test")
        let longest = String(repeating: "a", count: 64)
        #expect(recipient("<\(longest)@b.test>") == "\(longest)@b.test")
    }

    @Test(arguments: [
        "<\"\"@local.test>", "<@>", "<<a@b>>", "<a@b", "<\"a\\\"@b>", "<a@>", "<@b>", "<a..b@c>", "<.a@b>", "<a.@b>",
        "<a@b..c>", "<a@-b>", "<a@b->", "<a b@c>", "<a@b> x y@z>", "a@b", "<>", "<a>", "<u@remote.test@[192.0.2.1]>",
        "<remote.test!u@[192.0.2.1>", "<\"u@remote.test\">", "<a@b_c>", "<a@@b>", "<a@b>>",
    ])
    func notAddresses(_ path: String) { #expect(recipient(path) == nil) }

    @Test func sizesOfAddresses() {
        #expect(failure("RCPT TO:<\(String(repeating: "a", count: 65))@b>") == .address)
        let label = String(repeating: "d", count: 60)
        #expect(failure("RCPT TO:<a@\([label, label, label, label, label].joined(separator: "."))>") == .address)
        #expect(failure("RCPT TO:<\(String(repeating: "(", count: 900))") == .address)
    }

    @Test func bytesThatAreNoText() {
        #expect(failure(Array("MAIL FROM:<a".utf8) + [0] + Array("@evil.test>".utf8)) == .arguments)
        #expect(failure([0x80, 0x81]) == .arguments)
        #expect(failure([0, 0, 0]) == .arguments)
        #expect(failure("MAIL FROM:<a@b>\nRCPT TO:<bob@local.test>") == .arguments)
        #expect(failure("MAIL FROM:<a@b>\rRSET") == .arguments)
        #expect(failure("RCPT TO:<josé@local.test>") == .nonASCIIAddress)
        #expect(failure(Array("RCPT TO:<a".utf8) + [0xC0, 0xAE] + Array("@b>".utf8)) == .nonASCIIAddress)
    }

    @Test func lengths() {
        #expect(failure("NOOP " + String(repeating: "A", count: 505)) == nil)
        #expect(failure("NOOP " + String(repeating: "A", count: 506)) == .tooLong)
        #expect(failure("MAIL FROM:<a@b> AUTH=" + String(repeating: "A", count: 900)) == nil)
        #expect(failure("MAIL FROM:<a@b> AUTH=" + String(repeating: "A", count: 1000)) == .tooLong)
        #expect(failure("AUTH PLAIN " + String(repeating: "A", count: 10_000)) == nil)
        #expect(failure("AUTH PLAIN " + String(repeating: "A", count: 13_000)) == .tooLong)
    }

    @Test func auth() {
        #expect(parse("AUTH PLAIN AGEAYg==") == .auth(mechanism: Array("PLAIN".utf8), initial: Array("AGEAYg==".utf8)))
        #expect(parse("auth login") == .auth(mechanism: Array("login".utf8), initial: nil))
        #expect(failure("AUTH") == .arguments)
        #expect(failure("AUTH PLAIN a b") == .arguments)
    }
}
