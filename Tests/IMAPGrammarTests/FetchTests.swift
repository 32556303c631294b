import IMAPGrammar
import Testing

@Suite("FETCH items")
struct FetchTests {
    static func bytes(_ names: String...) -> [[UInt8]] { names.map { Array($0.utf8) } }

    static let accepted: [(String, [FetchItem])] = [
        ("FETCH 1 FLAGS", [.flags]),
        (
            "FETCH 1 (uid flags internaldate rfc822.size envelope modseq)",
            [.uid, .flags, .internalDate, .rfc822Size, .envelope, .modSeq]
        ),
        ("FETCH 1 ALL", [.flags, .internalDate, .rfc822Size, .envelope]),
        ("FETCH 1 fast", [.flags, .internalDate, .rfc822Size]),
        ("FETCH 1 FULL", [.flags, .internalDate, .rfc822Size, .envelope, .body]),
        ("FETCH 1 (BODY BODYSTRUCTURE)", [.body, .bodyStructure]),
        ("FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT)", [.rfc822, .rfc822Header, .rfc822Text]),
        ("FETCH 1 BODY[]", [.section(.init(), peek: false, partial: nil)]),
        ("FETCH 1 BODY.PEEK[]<0.2048>", [.section(.init(), peek: true, partial: .init(offset: 0, count: 2048))]),
        ("FETCH 1 BODY[HEADER]", [.section(.init(text: .header), peek: false, partial: nil)]),
        ("FETCH 1 BODY[text]", [.section(.init(text: .text), peek: false, partial: nil)]),
        ("FETCH 1 BODY[1]", [.section(.init(part: [1]), peek: false, partial: nil)]),
        ("FETCH 1 BODY[4.2.2.MIME]", [.section(.init(part: [4, 2, 2], text: .mime), peek: false, partial: nil)]),
        ("FETCH 1 BODY[1.TEXT]", [.section(.init(part: [1], text: .text), peek: false, partial: nil)]),
        (
            "FETCH 1 BODY[1.2.HEADER.FIELDS (a \"b c\")]<0.100>",
            [
                .section(
                    .init(part: [1, 2], text: .headerFields(bytes("a", "b c"), not: false)), peek: false,
                    partial: .init(offset: 0, count: 100))
            ]
        ),
        (
            "FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (DATE {4}\r\nFrom)]",
            [.section(.init(text: .headerFields(bytes("DATE", "From"), not: true)), peek: true, partial: nil)]
        ),
        ("FETCH 1 (UID UID BODY[] BODY[])", [.uid, .section(.init(), peek: false, partial: nil)]),
    ]

    @Test("parses items, sections and partials", arguments: accepted)
    func accepts(wire: String, items: [FetchItem]) throws {
        let set = SequenceSet(1...1)
        #expect(try command(wire) == .fetch(.init(set: set, items: items), uid: false))
        #expect(try command("UID " + wire) == .fetch(.init(set: set, items: items), uid: true))
    }

    @Test("parses CHANGEDSINCE and VANISHED")
    func modifiers() throws {
        #expect(
            try command("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345 VANISHED)")
                == .fetch(
                    .init(
                        set: SequenceSet([.init(.number(1), .largest)]), items: [.flags], changedSince: 12345,
                        vanished: true), uid: true))
    }

    @Test(
        "refuses what is no item",
        arguments: [
            "FETCH", "FETCH 1", "FETCH 1 ", "FETCH 1 ()", "FETCH 1 (ALL)", "FETCH 1 (FLAGS", "FETCH 1 FLAGS UID",
            "FETCH 1 FOO",
            "FETCH 1 BODY[", "FETCH 1 BODY[0]", "FETCH 1 BODY[1.]", "FETCH 1 BODY[.1]", "FETCH 1 BODY[1..2]",
            "FETCH 1 BODY[MIME]",
            "FETCH 1 BODY[TEXT.1]", "FETCH 1 BODY[FOO]", "FETCH 1 BODY[HEADER.FIELDS]",
            "FETCH 1 BODY[HEADER.FIELDS ()]",
            "FETCH 1 BODY[4294967296]", "FETCH 1 BODY[]<0>", "FETCH 1 BODY[]<0.0>", "FETCH 1 BODY[]<-1.5>",
            "FETCH 1 BODY[]<0.4294967296>",
            "FETCH 1 BODY[]<1.2", "FETCH 1 BODY.PEEK", "FETCH 1 BINARY[1]", "FETCH 1 BODY []",
            "FETCH 1 FLAGS (CHANGEDSINCE)",
            "FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)", "FETCH 1 FLAGS (FOO)", "FETCH 0 FLAGS",
        ])
    func refuses(wire: String) {
        #expect(refusal(wire)?.status == .bad)
    }

    @Test("partials are cut to the size of the section")
    func partialRanges() {
        #expect(FetchPartial(offset: 0, count: 10).range(ofSize: 5) == 0..<5)
        #expect(FetchPartial(offset: 4, count: 10).range(ofSize: 5) == 4..<5)
        #expect(FetchPartial(offset: 5, count: 10).range(ofSize: 5).isEmpty)
        #expect(FetchPartial(offset: .max, count: .max).range(ofSize: 5).isEmpty)
        #expect(FetchPartial(offset: 2, count: .max).range(ofSize: 5) == 2..<5)
    }

    @Test("says which items set \\Seen")
    func seen() {
        #expect(FetchItem.rfc822.setsSeen && FetchItem.rfc822Text.setsSeen && !FetchItem.rfc822Header.setsSeen)
        #expect(FetchItem.section(.init(), peek: false, partial: nil).setsSeen)
        #expect(!FetchItem.section(.init(), peek: true, partial: nil).setsSeen)
    }

    @Test("a section's name in the answer parses back", arguments: accepted)
    func roundTrip(wire: String, items: [FetchItem]) throws {
        for item in items {
            guard case .section(let section, _, let partial) = item else { continue }
            var writer = IMAPResponseWriter()
            writer.beginFetch(1)
            writer.fetchSectionNil(item)
            var answer = String(
                decoding: writer.bytes.dropFirst("* 1 FETCH (".count).dropLast(" NIL".count), as: UTF8.self)
            if let partial {
                #expect(answer.hasSuffix("<\(partial.offset)>"))
                answer = answer.dropLast() + ".\(partial.count)>"
            }
            #expect(try command("FETCH 1 " + answer) == command("FETCH 1 (\(answer))"))
            #expect(
                try command("FETCH 1 " + answer)
                    == .fetch(
                        .init(set: SequenceSet(1...1), items: [.section(section, peek: false, partial: partial)]),
                        uid: false))
        }
    }
}
