import MessageGrammar
import Testing

@Suite struct `Other readings of a mail` {
    private func all(_ text: String) -> String {
        String(decoding: OtherReadings.all(of: Array(text.utf8)[...]), as: UTF8.self)
    }

    @Test func `text stays, and what may be base64 is there as well, in one piece over lines`() {
        let hidden = "aGlkZGVuIHdvcmRzIHRoYXQg\r\nYSBwcm9ncmFtIG1heSBzaG93\r\n"
        #expect(all("plain words\r\n\(hidden)more=20words\r\n").contains("hidden words that a program may show"))
        #expect(all("plain words\r\n\(hidden)more=20words\r\n").contains("more words"))
    }

    @Test func `words are no base64, padding ends a run, broken runs fail nothing`() {
        #expect(OtherReadings.encoded(in: Array("short\r\nwords\r\n".utf8)[...]).isEmpty)
        let two = "Zmlyc3QgcmVhZGluZyBvZiBpdA==\r\nc2Vjb25kIHJlYWRpbmcgb2YgaXQ=\r\n"
        #expect(all(two).contains("first reading of it\nsecond reading of it"))
        #expect(OtherReadings.encoded(in: Array(String(repeating: "A", count: 25).utf8)[...]).count >= 18)
        #expect(OtherReadings.encoded(in: [][...]).isEmpty)
    }
}
