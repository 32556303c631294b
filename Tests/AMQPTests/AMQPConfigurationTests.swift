import AMQP
import Testing

@Suite struct AMQPConfigurationTests {
    @Test func `a URL is taken apart`() throws {
        let parsed = try AMQPConfiguration(
            url: "amqp://martlet_smtpd:p%40ss%2Fword@broker.example:5673/mail%2Fbox", name: "x")
        #expect(parsed.user == "martlet_smtpd" && parsed.host == "broker.example" && parsed.port == 5673)
        #expect(parsed.vhost == "mail/box" && !parsed.isSecure)
    }

    @Test func `TLS, IPv6 and the certificate authority`() throws {
        let parsed = try AMQPConfiguration(url: "amqps://u:p@[::1]/%2F?cacertfile=/etc/ca.pem", name: "x")
        #expect(parsed.isSecure && parsed.host == "::1" && parsed.port == 5671 && parsed.vhost == "/")
        #expect(parsed.authorityFile == "/etc/ca.pem")
    }

    @Test(arguments: [
        "", "amqp", "http://u:p@h/", "amqp://h:0/", "amqp://h:65536/", "amqp://u:p@h/%zz", "amqp://u:p@h/?heartbeat=3",
    ])
    func `anything else is refused`(url: String) {
        #expect(throws: AMQPError.self) { try AMQPConfiguration(url: url, name: "x") }
    }

    @Test func `the password is not printed`() throws {
        let parsed = try AMQPConfiguration(url: "amqp://u:canary-7f3@h/", name: "x")
        var dumped = ""
        dump(parsed, to: &dumped)
        for text in ["\(parsed)", String(reflecting: parsed), dumped] { #expect(!text.contains("canary")) }
    }
}
