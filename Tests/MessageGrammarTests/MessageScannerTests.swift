import MailCore
import MessageGrammar
import Testing

@Suite struct MessageScannerTests {
    @Test func plainMail() {
        let summary = scan(
            mail(
                "From: \"A. B\" <a@b.test>", "To: c@d.test,", " E <e@f.test>", "Subject: =?utf-8?q?h=C3=A9?=",
                "Date: Sat, 21 Nov 2026 07:55:05 +0100",
                "Message-ID: <1@b.test>", "In-Reply-To: <0@d.test>", "", "Hello", "", "there"))
        #expect(describe(summary.structure) == "text/plain 0:175+16/3")
        #expect(summary.headerLength == 175 && summary.size == 191 && summary.lines == 11)
        #expect(summary.envelope.subject == Array("=?utf-8?q?h=C3=A9?=".utf8))
        #expect(
            summary.envelope.from == [
                MailAddress(name: Array("A. B".utf8), mailbox: Array("a".utf8), host: Array("b.test".utf8))
            ])
        #expect(summary.envelope.sender == summary.envelope.from && summary.envelope.replyTo == summary.envelope.from)
        #expect(summary.envelope.to.map(\.text) == ["c@d.test", "e@f.test"])
        #expect(summary.envelope.cc == [] && summary.envelope.bcc == [])
        #expect(summary.envelope.messageID == Array("<1@b.test>".utf8))
        #expect(summary.envelope.inReplyTo == Array("<0@d.test>".utf8))
        #expect(summary.envelope.date == Array("Sat, 21 Nov 2026 07:55:05 +0100".utf8))
        #expect(summary.sentDate == Timestamp(seconds: 1_795_244_105) && summary.sentZoneMinutes == 60)
        #expect(summary.preview == "Hello there")
        #expect(summary.flags == [])
    }

    @Test(arguments: [
        ("", "text/plain 0:0+0/0", ""),
        ("\r\n", "text/plain 0:2+0/0", ""),
        ("\r\nbody", "text/plain 0:2+4/0", "body"),
        ("Subject: x", "text/plain 0:10+0/0", ""),
        ("Subject: x\r\n", "text/plain 0:12+0/0", ""),
        ("Subject: x\r\n\r\n", "text/plain 0:14+0/0", ""),
        ("Subject: x\n\nb\n", "text/plain 0:12+2/1", "b"),
        ("no header at all\r\n", "text/plain 0:0+18/1", "no header at all"),
        ("no header\r\n\r\nat: all", "text/plain 0:0+20/2", "no header at: all"),
        ("  indented", "text/plain 0:0+10/0", "indented"),
        ("Received: x\r\n by y\r\ntext: no\r\n", "text/plain 0:30+0/0", ""),
        ("Received: x\r\n by y\r\nsome text\r\n\r\nmore", "text/plain 0:20+17/2", "some text more"),
        ("From a@b Mon\r\nSubject: x\r\n\r\nb", "text/plain 0:28+1/0", "b"),
        ("Subject: x\r\nforgot the line\r\n", "text/plain 0:12+17/1", "forgot the line"),
        ("Subject: x\r\nwrapped badly\r\nTo: a@b\r\n\r\nbody", "text/plain 0:38+4/0", "body"),
    ])
    func smallestMails(text: String, structure: String, preview: String) {
        let summary = scan(text)
        #expect(describe(summary.structure) == structure)
        #expect(summary.preview == preview)
        #expect(summary.size == text.utf8.count)
    }

    /// RFC 2046 5.1.1: the CRLF before a delimiter belongs to the delimiter.
    @Test func multipartOffsets() {
        let text = mail(
            "Content-Type: multipart/mixed; boundary=b", "", "preamble", "--b", "", "one", "--b",
            "Content-Type: text/html", "",
            "two", "", "--b--", "epilogue")
        let bytes = Array(text.utf8)
        let structure = scan(text).structure
        #expect(shape(structure) == "mixed[text/plain, text/html]")
        let contents = structure.children.map { String(decoding: bytes[$0.bodyRange], as: UTF8.self) }
        #expect(contents == ["one", "two\r\n"])
        let headers = structure.children.map { String(decoding: bytes[$0.headerRange], as: UTF8.self) }
        #expect(headers == ["\r\n", "Content-Type: text/html\r\n\r\n"])
        #expect(structure.children.map(\.lines) == [0, 1])
        #expect(structure.bodyRange == structure.headerLength..<bytes.count)
    }

    @Test func delimitersMatchOnlyAsAWhole() {
        let summary = scan(
            mail(
                "Content-Type: multipart/mixed; boundary=\"b\"", "", "--b", "", "--bc", "--b -", "x--b", " --b", "--B",
                "---b",
                "--b \t", "", "second", "--b-- \t", "--b", "not a part"))
        #expect(shape(summary.structure) == "mixed[text/plain, text/plain]")
        #expect(summary.preview == "--bc --b - x--b --b --B ---b")
    }

    @Test func nestedMultipartsWithRelatedBoundaries() {
        let text = mail(
            "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: multipart/alternative; boundary=bb",
            "", "--bb", "",
            "plain", "--bb", "Content-Type: text/html", "", "html", "--bb--", "--b",
            "Content-Type: application/pdf; name=x.pdf", "",
            "pdf", "--b--")
        let summary = scan(text)
        #expect(shape(summary.structure) == "mixed[alternative[text/plain, text/html], application/pdf]")
        #expect(summary.flags == .hasAttachment)
    }

    @Test func outerDelimiterEndsAllInside() {
        let summary = scan(
            mail(
                "Content-Type: multipart/mixed; boundary=o", "", "--o", "Content-Type: multipart/mixed; boundary=i", "",
                "--i", "",
                "in", "--o", "", "out", "--i", "still out", "--o--"))
        #expect(shape(summary.structure) == "mixed[mixed[text/plain], text/plain]")
        #expect(summary.flags == .malformed)
    }

    @Test func enclosedMessage() {
        let text = mail(
            "Content-Type: multipart/mixed; boundary=b", "Subject: outer", "", "--b", "Content-Type: message/rfc822",
            "", "Subject: inner",
            "From: x@y", "Content-Type: multipart/mixed; boundary=c", "", "--c", "", "deep", "--c--", "--b--")
        let bytes = Array(text.utf8)
        let summary = scan(text)
        #expect(shape(summary.structure) == "mixed[rfc822{mixed[text/plain]}]")
        let message = summary.structure.children.first
        #expect(message?.enclosed?.envelope.subject == Array("inner".utf8))
        #expect(message?.lines == 7)
        #expect(message?.enclosed?.structure.headerOffset == message?.bodyOffset)
        #expect(summary.envelope.subject == Array("outer".utf8))
        #expect(message.map { bytes[$0.bodyRange].starts(with: "Subject: inner".utf8) } == true)
        #expect(summary.preview == "deep")
    }

    @Test func digestPartsAreMessages() {
        let summary = scan(
            mail(
                "Content-Type: multipart/digest; boundary=b", "", "--b", "", "Subject: one", "", "x", "--b",
                "Content-Type: text/plain",
                "", "y", "--b--"))
        #expect(shape(summary.structure) == "digest[rfc822{text/plain}, text/plain]")
    }

    @Test(arguments: [
        "Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n",
        "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\nno delimiter\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n",
    ])
    func multipartWithoutPartsIsALeaf(text: String) {
        let summary = scan(text)
        #expect(shape(summary.structure) == "text/plain")
        #expect(summary.flags.contains(.malformed))
    }

    @Test func partWithoutEmptyLineIsAllHeader() {
        let summary = scan(
            mail(
                "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/html", "--b", "", "x",
                "--b--"))
        #expect(shape(summary.structure) == "mixed[text/html, text/plain]")
        #expect(summary.structure.children.first?.bodyLength == 0)
        #expect(summary.flags == .malformed)
    }

    /// Senders forget the empty line, or write a space in it, and readers see the parts all the same.
    @Test(arguments: [" \r\n", ""])
    func delimiterInAHeaderEndsIt(line: String) {
        let summary = scan(
            "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\(line)"
                + "--b\r\n\r\none\r\n--b\r\nA: b\r\n--c\r\n--b--\r\n"
        )
        #expect(shape(summary.structure) == "mixed[text/plain, text/plain]")
        #expect(summary.preview == "one")
        #expect(summary.structure.children.last?.bodyLength == 3)
        #expect(summary.flags == .malformed)
    }

    @Test func doubledDelimitersAreOne() {
        let summary = scan(
            mail(
                "Content-Type: multipart/mixed; boundary=b", "", "--b", "--b", "--b", "Content-Type: text/html", "",
                "x", "--b--"))
        #expect(shape(summary.structure) == "mixed[text/html]")
        #expect(summary.flags == [])
    }

    @Test func closingDelimiterAtTheVeryEnd() {
        let summary = scan("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--")
        #expect(describe(summary.structure) == "multipart/mixed 0:45+15/3 [text/plain 50:2+1/0]")
        #expect(summary.flags == [])
    }

    @Test func previewTakesTheFirstTextThatHasText() {
        let summary = scan(
            mail(
                "Content-Type: multipart/mixed; boundary=b", "", "--b", "", " ", "--b",
                "Content-Type: text/html; charset=utf-8",
                "Content-Transfer-Encoding: quoted-printable", "",
                "<style>p{color:red}</style><p>Gr=C3=BC=C3=9Fe&nbsp;<b>an</b> =",
                "alle</p><div style=3D\"display:none\">hidden</div>", "--b--"))
        #expect(summary.preview == "Gr\u{FC}\u{DF}e an alle")
    }

    @Test func previewIsCutAndClean() {
        let summary = scan("\r\n" + String(repeating: "\u{E4} \u{200B}\u{7}", count: 2_000))
        #expect(summary.preview.unicodeScalars.count == MessageLimits.previewCharacters)
        #expect(summary.preview.hasPrefix("\u{E4} \u{E4} "))
        #expect(summary.flags.contains(.has8Bit))
    }

    @Test(arguments: [
        ("Content-Type: text/plain\r\nContent-Type: text/html", true),
        ("Content-Type: multipart/mixed; boundary=a; boundary=b", true),
        ("Content-Type: multipart/mixed; boundary=\"\"", true),
        ("Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit", true),
        ("Content-Transfer-Encoding: base64\r\n\r\nZm9v!Zm9v", true),
        ("Content-Transfer-Encoding: base64\r\n\r\nZg==\r\nZm9v", true),
        ("Content-Transfer-Encoding: base64\r\n\r\nZm9v\r\nZg==\r\n", false),
        ("Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit", false),
    ])
    func flagsWhatReadersMayDisagreeAbout(header: String, isAmbiguous: Bool) {
        #expect(scan(header + "\r\n\r\n").flags.contains(.ambiguous) == isAmbiguous)
    }

    @Test func mimeFieldsOfAPart() {
        let part = scan(
            mail(
                "Content-Type: IMAGE/Png; name=\"a b.png\"", "Content-Transfer-Encoding: BASE64", "Content-ID: <x@y>",
                "Content-Description: a\r\n picture", "Content-Disposition: Inline; filename*=utf-8''%C3%A4.png",
                "Content-MD5: abc==",
                "Content-Language: de, en-GB (British)", "Content-Location: http://x/y", "", "")
        ).structure
        #expect(part.mediaType == MediaType("image", "png") && part.encoding == "base64")
        #expect(part.id == Array("<x@y>".utf8) && part.description == Array("a picture".utf8))
        #expect(part.disposition?.type == "inline" && part.fileName == "\u{E4}.png")
        #expect(part.parameters.text("name") == "a b.png")
        #expect(part.md5 == Array("abc==".utf8) && part.location == Array("http://x/y".utf8))
        #expect(part.language == [Array("de".utf8), Array("en-GB".utf8)])
    }
}
