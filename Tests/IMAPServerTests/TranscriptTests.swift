import IMAPGrammar
import IMAPServer
import LineServer
import Testing

@Suite struct TranscriptTests {
    private func shown(_ text: String) throws -> String {
        let frame = IMAPFrame(bytes: Array(text.utf8))
        return RedactedText(try IMAPCommandParser.parse(frame), frame).description
    }

    @Test(arguments: [
        "a LOGIN alice@example.test geheim77", "a login \"alice\" \"geheim77\"", "a LOGIN {5}\r\nalice {8}\r\ngeheim77",
        "a AUTHENTICATE PLAIN geheim77", "a authenticate plain geheim77",
    ])
    func credentialsAreOnlyCounted(_ line: String) throws {
        let text = try shown(line)
        #expect(!text.contains("geheim77") && !text.contains("alice"))
        #expect(text.hasPrefix("a LOGIN <secret, ") || text.hasPrefix("a AUTHENTICATE <secret, "))
    }

    @Test func otherCommandsAreShown() throws {
        #expect(try shown("a1 SELECT INBOX") == "a1 SELECT INBOX")
        #expect(try shown("a2 UID FETCH 1:* (FLAGS)") == "a2 UID FETCH 1:* (FLAGS)")
    }

    @Test func answersAreShownAsTheWriterShowsThem() {
        var writer = IMAPResponseWriter()
        writer.isWatched = true
        writer.beginFetch(3)
        writer.fetchSection(.rfc822Header, Array("Subject: geheim77\r\n\r\n".utf8))
        writer.endFetch()
        writer.untagged(.ok, code: .permanentFlags([.keyword("\u{1b}[31m")], newKeywords: false), "Flags")
        let shown = writer.takeShown(endOfSeries: true).map { RedactedText($0).description }
        #expect(
            shown == ["* 3 FETCH (RFC822.HEADER <21 bytes>)", "* OK [PERMANENTFLAGS (\\x1b[31m)] Flags"])
    }
}
