import POP3Grammar
import Testing

@Suite struct POP3ReplyTests {
    private func text(_ reply: POP3Reply) -> String { String(decoding: reply.bytes, as: UTF8.self) }

    @Test func `positive, negative, coded and many-lined`() {
        #expect(text(.ok("2 320")) == "+OK 2 320\r\n")
        #expect(text(.error("No such message")) == "-ERR No such message\r\n")
        #expect(text(.error(.inUse, "Busy")) == "-ERR [IN-USE] Busy\r\n")
        #expect(text(.ok("Capabilities", lines: ["TOP", "UIDL"])) == "+OK Capabilities\r\nTOP\r\nUIDL\r\n.\r\n")
        #expect(text(.challenge([])) == "+ \r\n")
        #expect(text(.challenge(Array("abc=".utf8))) == "+ abc=\r\n")
        #expect(POP3Reply.ok("").isPositive && !POP3Reply.error("").isPositive)
    }

    @Test func `a password is only offered under TLS, and TLS only where it is possible`() {
        func lines(_ isSecure: Bool, _ offersTLS: Bool, _ isLoggedIn: Bool) -> Set<POP3Capability> {
            Set(POP3Capability.offered(isSecure: isSecure, offersTLS: offersTLS, isLoggedIn: isLoggedIn))
        }
        #expect(lines(false, true, false).isSuperset(of: [.stls, .top, .uidl, .pipelining]))
        #expect(lines(false, true, false).isDisjoint(with: [.user, .saslPlain]))
        #expect(!lines(false, false, false).contains(.stls))
        #expect(lines(true, true, false).isSuperset(of: [.user, .saslPlain]))
        #expect(lines(true, true, false).isDisjoint(with: [.stls]))
        #expect(lines(true, true, true) == lines(true, true, false))
        #expect(lines(false, true, true) == lines(false, false, false))
    }
}
