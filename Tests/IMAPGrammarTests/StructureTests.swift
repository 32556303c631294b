import IMAPGrammar
import MessageGrammar
import Testing

@Suite("ENVELOPE and BODYSTRUCTURE")
struct StructureTests {
    private func summary(_ lines: String...) -> MessageSummary {
        var scanner = MessageScanner()
        Array((lines.joined(separator: "\r\n") + "\r\n").utf8).withUnsafeBytes { scanner.feed($0) }
        return scanner.finish()
    }

    private func written(_ body: (inout IMAPResponseWriter) -> Void) -> String {
        var writer = IMAPResponseWriter()
        body(&writer)
        return String(decoding: writer.take(), as: UTF8.self)
    }

    @Test("envelope of RFC 3501 8")
    func envelope() {
        let mail = summary(
            "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", "Subject: IMAP4rev1 WG mtg summary and minutes",
            "From: Terry Gray <gray@cac.washington.edu>", "To: imap@cac.washington.edu",
            "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>",
            "Message-ID: <B27397-0100000@cac.washington.edu>",
            "", "x")
        let gray = "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\"))"
        #expect(
            written { $0.fetchEnvelope(mail.envelope) }
                == " ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" \(gray) \(gray) \(gray)"
                + " ((NIL NIL \"imap\" \"cac.washington.edu\")) ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\"))"
                + " NIL NIL \"<B27397-0100000@cac.washington.edu>\")")
    }

    @Test("an empty header gives NIL everywhere; 8-bit text is a literal")
    func oddEnvelopes() {
        #expect(written { $0.envelope(Envelope()) } == "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)")
        var envelope = Envelope()
        envelope.subject = [0xFF, 0xFE, 0x00, 0x7A]
        var writer = IMAPResponseWriter()
        writer.envelope(envelope)
        #expect(writer.bytes.starts(with: Array("(NIL {4}\r\n".utf8) + [0xFF, 0xFE, 0x00, 0x7A]))
        envelope.to = [.groupStart(Array("g".utf8)), .groupEnd]
        envelope.subject = nil
        #expect(
            written { $0.envelope(envelope) }
                == "(NIL NIL NIL NIL NIL ((NIL NIL \"g\" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)")
    }

    @Test("a text part")
    func text() {
        let mail = summary("Content-Type: text/plain; charset=us-ascii", "", "one", "two")
        #expect(
            written { $0.body(mail.structure, extensible: false) }
                == "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"us-ascii\") NIL NIL \"7BIT\" 10 2)")
        #expect(
            written { $0.body(mail.structure, extensible: true) }
                == "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"us-ascii\") NIL NIL \"7BIT\" 10 2 NIL NIL NIL NIL)")
    }

    @Test("a multipart with an attachment and an enclosed message")
    func multipart() {
        let mail = summary(
            "Content-Type: multipart/mixed; boundary=b", "", "--b", "", "hi", "--b",
            "Content-Type: image/png; name=\"a.png\"", "Content-Transfer-Encoding: base64", "Content-ID: <1@x>",
            "Content-Disposition: attachment; filename=\"a.png\"", "Content-Language: de, en", "", "AAAA", "--b",
            "Content-Type: message/rfc822", "", "Subject: in", "", "body", "--b--")
        let text = written { $0.body(mail.structure, extensible: true) }
        #expect(
            text == "(" + "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 2 0 NIL NIL NIL NIL)"
                + "(\"IMAGE\" \"PNG\" (\"NAME\" \"a.png\") \"<1@x>\" NIL \"BASE64\" 4 NIL (\"ATTACHMENT\" (\"FILENAME\" \"a.png\")) (\"de\" \"en\") NIL)"
                + "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 19 (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL)"
                + " (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 4 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL)"
                + " \"MIXED\" (\"BOUNDARY\" \"b\") NIL NIL NIL)")
        #expect(written { $0.body(mail.structure, extensible: false) }.hasSuffix(" \"MIXED\")"))
    }

    @Test("deeper than the cap is cut, not followed")
    func deep() {
        var part = BodyPart()
        for _ in 0..<5_000 {
            var outer = BodyPart()
            outer.mediaType = MediaType("multipart", "mixed")
            outer.content = .multipart([part])
            part = outer
        }
        let text = written { $0.body(part, extensible: true) }
        #expect(text.utf8.count < 20_000 && text.contains("OCTET-STREAM"))
        #expect(text.utf8.count { $0 == UInt8(ascii: "(") } == text.utf8.count { $0 == UInt8(ascii: ")") })
        // Taken apart from the outside: the value's own destruction is recursive.
        while let child = part.children.first { part = child }
    }

    @Test("an enclosed message that was not looked into is shown as octets")
    func unparsedMessage() {
        var part = BodyPart()
        part.mediaType = .enclosedMessage
        part.bodyLength = 12
        #expect(
            written { $0.body(part, extensible: true) } == "(\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"7BIT\" 12)")
    }
}
