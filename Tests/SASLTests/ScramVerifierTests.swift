import MailWire
import SASL
import Testing

@Suite struct ScramVerifierTests {
    /// The example of RFC 7677 3: user "user", password "pencil", 4,096 iterations. The keys are PostgreSQL's for it.
    @Test func matchesTheExampleOfRFC7677() throws {
        let salt = try #require(Base64.decodeStrict(Array("W22ZaJ0SNY7soEsUEjb6gQ==".utf8)))
        let verifier = ScramVerifier(password: Array("pencil".utf8), salt: salt, iterations: 4096)
        #expect(
            verifier.description
                == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        )
    }

    @Test func verifiesWhatItMade() {
        let stored = ScramVerifier.make(password: "päss wörd", iterations: 10)
        #expect(ScramVerifier.verify(password: "päss wörd", verifier: stored))
        #expect(!ScramVerifier.verify(password: "päss worr", verifier: stored))
        #expect(!ScramVerifier.verify(password: "", verifier: stored))
    }

    @Test func everyRecordHasItsOwnSalt() {
        #expect(ScramVerifier.make(password: "a", iterations: 1) != ScramVerifier.make(password: "a", iterations: 1))
    }

    @Test func textRoundTrips() throws {
        let stored = ScramVerifier.make(password: "a", iterations: 7)
        #expect(try #require(ScramVerifier(stored)).description == stored)
    }

    @Test(arguments: [
        "", "SCRAM-SHA-256", "SCRAM-SHA-1$1:AAAA$AAAA:AAAA", "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$99999999:AAAA$AAAA:AAAA", "SCRAM-SHA-256$x:AAAA$AAAA:AAAA", "plain-password",
    ])
    func refusesOtherText(_ text: String) {
        #expect(ScramVerifier(text) == nil)
        #expect(!ScramVerifier.verify(password: text, verifier: text))
    }
}
