import IMAPGrammar
import MailCore
import MessageGrammar
import Testing

/// What whoever watches sees of what is written.
@Suite("Shown responses")
struct ShownResponseTests {
    private let subject = "Quarterly figures"
    private let body = "the plum is ripe"

    private func summary() -> MessageSummary {
        var scanner = MessageScanner()
        let text =
            "From: Ann <ann@remote.test>\r\nSubject: \(subject)\r\nContent-Type: text/plain; name=\"plum.txt\"\r\n\r\n\(body)\r\n"
        Array(text.utf8).withUnsafeBytes { scanner.feed($0) }
        return scanner.finish()
    }

    private func watched() -> IMAPResponseWriter {
        var writer = IMAPResponseWriter()
        writer.isWatched = true
        return writer
    }

    private func lines(_ writer: inout IMAPResponseWriter, endOfSeries: Bool = true) -> [String] {
        writer.takeShown(endOfSeries: endOfSeries).map { String(decoding: $0.text, as: UTF8.self) }
    }

    private func shown(_ write: (inout IMAPResponseWriter) -> Void) -> [String] {
        var writer = watched()
        write(&writer)
        return lines(&writer)
    }

    @Test("syntax is shown as on the wire")
    func syntax() {
        let text = shown {
            $0.exists(12)
            $0.list(.inbox, attributes: [.hasNoChildren])
            $0.search([1, 2, 4] as [UInt32])
            $0.untagged(.ok, code: .uidNext(5), "Predicted next UID")
            $0.continuation("idling")
            $0.namespace()
            $0.tagged("a1", .no, code: .tryCreate, "No such mailbox")
        }
        #expect(
            text == [
                "* 12 EXISTS", "* LIST (\\HasNoChildren) \"/\" \"INBOX\"", "* SEARCH 1 2 4",
                "* OK [UIDNEXT 5] Predicted next UID", "+ idling", "* NAMESPACE ((\"\" \"/\")) NIL NIL",
                "a1 NO [TRYCREATE] No such mailbox",
            ])
    }

    @Test("of a mail's content only the size is shown, and the wire has it all")
    func content() {
        let mail = summary()
        let section = FetchItem.section(.init(part: [], text: .full), peek: false, partial: nil)
        let fields = FetchItem.section(
            .init(part: [], text: .headerFields([Array("SUBJECT".utf8)], not: false)), peek: true, partial: nil)
        func write(_ writer: inout IMAPResponseWriter) {
            writer.beginFetch(3)
            writer.fetchUID(7)
            writer.fetchFlags(bits: 1, keywords: [])
            writer.fetchEnvelope(mail.envelope)
            writer.fetchBodyStructure(mail.structure)
            writer.fetchBody(mail.structure)
            writer.fetchSection(fields, Array("Subject: \(subject)\r\n\r\n".utf8))
            writer.fetchSectionNil(section)
            writer.fetchSection(section, Array("\(body)\r\n* 9 EXISTS\r\n".utf8))
            writer.endFetch()
        }
        let text = shown(write)
        #expect(text.count == 1)
        let pieces = (text.first ?? "").split(separator: "<")
        let sizeless = pieces.map { $0.drop(while: \.isNumber) }.joined(separator: "<")
        #expect(
            sizeless == "* 3 FETCH (UID 7 FLAGS (\\Seen) ENVELOPE < bytes> BODYSTRUCTURE < bytes> BODY < bytes>"
                + " BODY[HEADER.FIELDS (SUBJECT)] < bytes> BODY[] NIL BODY[] < bytes>)")
        #expect(text.first?.hasSuffix("BODY[] <30 bytes>)") == true)

        var unwatched = IMAPResponseWriter()
        write(&unwatched)
        var writer = watched()
        write(&writer)
        #expect(lines(&unwatched).isEmpty)
        #expect(writer.bytes == unwatched.bytes)
    }

    @Test("a body that is sent in pieces")
    func streamed() {
        var writer = watched()
        writer.beginFetch(1)
        writer.fetchSectionHeader(.rfc822, size: 2210)
        writer.announced(Array("Subject: \(subject)\r\n".utf8))
        #expect(String(decoding: writer.take(), as: UTF8.self).hasSuffix("{2210}\r\nSubject: \(subject)\r\n"))
        #expect(lines(&writer, endOfSeries: false).isEmpty)
        writer.fetchUID(9)
        writer.endFetch()
        _ = writer.take()
        #expect(lines(&writer) == ["* 1 FETCH (RFC822 <2210 bytes> UID 9)"])
    }

    @Test("of a long series the rest is counted, and the next one is told again")
    func series() {
        var writer = watched()
        var text: [String] = []
        for number in 1...10_000 {
            writer.beginFetch(number)
            writer.fetchUID(UInt32(number))
            writer.endFetch()
            if number % 1000 == 0 {
                _ = writer.take()
                text += lines(&writer, endOfSeries: false)
            }
        }
        text += lines(&writer)
        writer.tagged("a", .ok, "FETCH completed")
        text += lines(&writer)
        #expect(text.count == 34)
        #expect(text.first == "* 1 FETCH (UID 1)" && text[31] == "* 32 FETCH (UID 32)")
        #expect(text[32...] == ["(9968 more responses)", "a OK FETCH completed"])
    }

    @Test("a line is bounded")
    func longLine() {
        let text = shown { $0.search(1...100_000 as ClosedRange<UInt32>) }
        #expect(text.count == 1 && text[0].utf8.count == 256)
    }

    @Test("what stands where a tag should be, and a SASL challenge, are only counted")
    func secrets() {
        let text = shown {
            $0.refusal(IMAPSyntaxError("Unknown command", tag: "geheim77"))
            $0.refusal(IMAPSyntaxError("No tag"))
            $0.challenge("")
            $0.challenge("geheim77")
        }
        #expect(text == ["<8 bytes> BAD Unknown command", "* BAD No tag", "+ ", "+ <8 bytes>"])
    }

    @Test("watching begins between two responses")
    func begins() {
        var writer = IMAPResponseWriter()
        writer.exists(1)
        writer.isWatched = true
        #expect(!writer.isWatched)
        _ = writer.take()
        writer.isWatched = true
        writer.exists(2)
        #expect(lines(&writer) == ["* 2 EXISTS"])
        _ = writer.take()
        writer.isWatched = false
        writer.exists(3)
        #expect(lines(&writer).isEmpty)
    }
}
