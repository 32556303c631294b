import MessageGrammar
import Testing

@Suite struct HeaderFieldsTests {
    private func read(_ text: String) -> [String] {
        let header = HeaderFields(Array(text.utf8))
        return header.fields.map {
            "\(String(decoding: header.name($0), as: UTF8.self))=\(String(decoding: header.value($0), as: UTF8.self))"
        }
    }

    @Test func unfoldsAndTrims() {
        #expect(read("Subject: a\r\n b\r\n\t c \r\nTo:x\r\n\r\nBody: no") == ["Subject=a b\t c", "To=x"])
    }

    @Test func acceptsObsoleteAndOddForms() {
        #expect(read("Subject \t: a\r\nX:\r\nY") == ["Subject=a", "X="])
        #expect(read("From x@y Mon 10:00\r\nnot a field\r\n continued\r\nA: b\r\n") == ["A=b"])
        #expect(read(" starts folded\r\nA: b\nB: c\n\nC: d") == ["A=b", "B=c"])
        #expect(read(": no name\r\na b: c\r\nA: b\r\n \r\nB: c") == ["A=b", "B=c"])
        #expect(read("A: b:c : d") == ["A=b:c : d"])
        #expect(read("") == [])
        #expect(read("\r\nA: b") == [])
    }

    @Test func givesTheWireBytesOfAField() {
        let header = HeaderFields(Array("A: b\r\n c\r\nSubject: d\n\r\n".utf8))
        #expect(header.all("a").map { Array(header.bytes[header.wireRange($0)]) } == [Array("A: b\r\n c\r\n".utf8)])
        #expect(header.first("SUBJECT").map { Array(header.bytes[header.wireRange($0)]) } == Array("Subject: d\n".utf8))
        #expect(header.all(named: Array("sUbject".utf8)).count == 1)
    }

    @Test func endsAtTheFieldLimit() {
        let many = Array(String(repeating: "A:b\r\n", count: MessageLimits.headerFields + 10).utf8)
        #expect(HeaderFields(many).fields.count == MessageLimits.headerFields)
    }

    @Test func replacesNULOnlyInValues() {
        let header = HeaderFields(Array("Subject: \u{0}z\r\n".utf8))
        #expect(header.firstValue("subject") == [0x80, 0x7A])
    }
}

@Suite struct EncodedWordTests {
    /// RFC 2047 8, and then what mail programs write.
    @Test(arguments: [
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("=?ISO-8859-1?Q?a?= b", "a b"),
        ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a_b?=", "a b"),
        ("=?US-ASCII?Q?Keith_Moore?= <m@x>", "Keith Moore <m@x>"),
        ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\u{F8}rn Simonsen"),
        (
            "=?ISO-8859-8?b?7eXs+SDv4SDp7Oj08A==?=",
            "\u{5DD}\u{5D5}\u{5DC}\u{5E9} \u{5DF}\u{5D1} \u{5D9}\u{5DC}\u{5D8}\u{5E4}\u{5E0}"
        ),
        ("=?utf-8?B?5pel5pw=?= =?utf-8?B?rA==?=", "\u{65E5}\u{672C}"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\u{65E5}\u{672C}"),
        ("=?utf-8*de?Q?=C3=A4?=", "\u{E4}"),
        ("=?UTF-8?Q?a?=x=?UTF-8?Q?b?=", "axb"),
        ("=?utf-8?Q?with space?=", "with space"),
        ("=?utf-8?Q?=3F=3D?=", "?="),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("=?utf-8?Q?open", "=?utf-8?Q?open"),
        ("=?nosuch?Q?=E4?=", "\u{E4}"),
        ("=?=?=?=?", "=?=?=?=?"),
        ("plain \u{E9}", "plain \u{E9}"),
        ("=?utf-8?B?DQpCY2M6IHhAeQ==?=", "  Bcc: x@y"),
        ("=?utf-8?Q?a=00b=07?=", "a b "),
        ("=?utf-8?Q?=FF=C3?=", "\u{FFFD}\u{FFFD}"),
        ("", ""),
    ])
    func decodes(text: String, expected: String) {
        #expect(EncodedWord.decode(Array(text.utf8)) == expected)
    }

    @Test func rawEightBitIsUTF8OrWindows1252() {
        #expect(EncodedWord.decode([0xC3, 0xA4]) == "\u{E4}")
        #expect(EncodedWord.decode([0x93, 0xE4, 0x94]) == "\u{201C}\u{E4}\u{201D}")
    }
}

@Suite struct MIMEFieldsTests {
    private func read(_ text: String) -> String? {
        guard let type = MIMEFields.contentType(Array(text.utf8)) else { return nil }
        let parameters = type.parameters.map {
            "; \(String(decoding: $0.name, as: UTF8.self))=\(String(decoding: $0.value, as: UTF8.self))"
        }
        return type.mediaType.text + parameters.joined()
    }

    @Test(arguments: [
        ("text/plain; charset=us-ascii (Plain text)", "text/plain; charset=us-ascii"),
        ("text/plain; charset=\"us-ascii\"", "text/plain; charset=us-ascii"),
        (" TEXT / Html ;Charset = utf-8;", "text/html; Charset=utf-8"),
        ("multipart/mixed; boundary=\"gc0y8pkb9ex:\\\"x\"", "multipart/mixed; boundary=gc0y8pkb9ex:\"x"),
        ("multipart/mixed;\r\n boundary=a=b_c", "multipart/mixed; boundary=a=b_c"),
        ("application/pdf; name=my file.pdf; x=y", "application/pdf; name=my file.pdf; x=y"),
        ("text/plain; name=\"open; x=y", "text/plain; name=open; x=y"),
        ("text/plain; =x; y; z=", "text/plain; z="),
        ("text", "text/plain"),
        ("x/y; name=\"C:\\dir\\a \\\"b\\\".png\"", "x/y; name=C:\\dir\\a \"b\".png"),
        ("text/plain (a; b=c); d=e", "text/plain; d=e"),
        ("text/plain charset=utf-8", "text/plain"),
    ])
    func parsesContentType(text: String, expected: String) {
        #expect(read(text) == expected)
    }

    @Test(arguments: ["", "/", "text/", "/plain", "image", "te xt/plain", "\"text\"/plain", "; a=b"])
    func refusesWhatHasNoType(text: String) {
        #expect(read(text) == nil)
    }

    @Test(arguments: [
        // RFC 2231 3, 4 and 4.1.
        ("x/y; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub\"", "url", "ftp://cs.utk.edu/pub"),
        ("x/y; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "title", "This is ***fun***"),
        (
            "x/y; title*0*=us-ascii'en'This%20is%20even%20more%20; "
                + "title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
            "title", "This is even more ***fun*** isn't it!"
        ),
        ("x/y; filename*1=b.exe; filename*0=a", "filename", "ab.exe"),
        ("x/y; filename*0=a; filename*2=c", "filename", "a"),
        ("x/y; filename*0=a; filename*0=b; filename*1=c", "filename", "ac"),
        ("x/y; filename=plain; filename*=utf-8''%E2%82%AC", "filename", "\u{20AC}"),
        ("x/y; name=\"=?utf-8?Q?=C3=A4?=\"", "name", "\u{E4}"),
        ("x/y; name*=%41'x", "name", "A'x"),
        ("x/y; name*0*=utf-8''%E2; name*1*=%82%AC", "name", "\u{20AC}"),
        ("x/y; filename*99999=x; filename=ok", "filename", "ok"),
        ("x/y; name*=utf-8''%zz%4", "name", "%zz%4"),
    ])
    func decodesParameters(text: String, name: String, expected: String) {
        let parameters = MIMEFields.contentType(Array(text.utf8))?.parameters ?? []
        let found: String? =
            switch name {
            case "url": parameters.text("url")
            case "title": parameters.text("title")
            case "name": parameters.text("name")
            default: parameters.text("filename")
            }
        #expect(found == expected)
    }
}
