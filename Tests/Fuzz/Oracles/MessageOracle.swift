import IMAPGrammar
import MailWire
import MessageGrammar

/// A whole mail: the header and MIME tree, its stored form, and what IMAP says of it.
enum MessageOracle {
    static func check(_ input: [UInt8]) throws(OracleFailure) {
        let summary = try Division.expectSame("summary", input) { pieces in
            var scanner = MessageScanner()
            for piece in pieces { scanner.feed(piece) }
            return scanner.finish()
        }
        try expectEqual(summary.size, input.count, "size")
        try expectEqual(summary.lines, input.count { $0 == 10 }, "lines")
        try expectEqual(summary.flags.contains(.hasNUL), input.contains(0), "NUL")
        try expectEqual(summary.flags.contains(.has8Bit), input.contains { $0 >= 0x80 }, "8-bit")
        var parts = 0
        try tree(summary.structure, within: 0..<input.count, depth: 1, &parts)
        try sections(summary, summary.structure, path: [])
        try expect(summary.preview.unicodeScalars.count <= MessageLimits.previewCharacters, "preview too long")
        try expect(summary.preview.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in the preview")
        try storedForm(summary)
        try responses(summary)
        try damagedStoredForm(input)
    }

    /// Every entity lies within the one around it, behind the one before it.
    private static func tree(
        _ part: BodyPart, within outer: Range<Int>, depth: Int, _ parts: inout Int
    ) throws(OracleFailure) {
        parts += 1
        try expect(depth <= MessageLimits.structureDepth + 1, "the tree is too deep")
        try expect(parts <= MessageLimits.parts + 1, "the tree is too large")
        try expect(part.headerLength >= 0 && part.bodyLength >= 0 && part.lines >= 0, "less than nothing")
        try expect(part.headerOffset >= outer.lowerBound && part.bodyRange.upperBound <= outer.upperBound, "outside")
        try expect(part.lines <= part.bodyLength, "more lines than bytes")
        var last = part.bodyOffset
        let inner = part.children + (part.enclosed.map { [$0.structure] } ?? [])
        for child in inner {
            try expect(child.headerOffset >= last, "entities overlap")
            try tree(child, within: part.bodyRange, depth: depth + 1, &parts)
            last = child.bodyRange.upperBound
        }
    }

    /// Section numbers lead to the parts (RFC 3501 6.4.5).
    private static func sections(
        _ summary: MessageSummary, _ part: BodyPart, path: [Int]
    ) throws(OracleFailure) {
        guard path.count < 6 else { return }
        for (index, child) in part.children.prefix(16).enumerated() {
            let place = path + [index + 1]
            guard let found = summary.part(at: place) else { throw OracleFailure("there is no section \(place)") }
            try expectEqual(found, child, "section \(place)")
            try expectEqual(summary.contentRange(at: place), child.bodyRange, "content of \(place)")
            try sections(summary, child.enclosed?.structure ?? child, path: place)
        }
        try expectEqual(summary.part(at: path + [0]), nil, "section 0")
        try expectEqual(summary.part(at: path + [.max]), nil, "a section beyond all")
    }

    private static func storedForm(_ summary: MessageSummary) throws(OracleFailure) {
        let stored = summary.encoded()
        guard let again = try? MessageSummary(decoding: stored) else {
            throw OracleFailure("the stored summary cannot be read: \(summary)")
        }
        try expectEqual(again, summary, "stored form")
        for length in [0, stored.count / 2, max(0, stored.count - 1)] where length < stored.count {
            let cut = try? MessageSummary(decoding: Array(stored.prefix(length)))
            try expect(cut == nil, "a summary that was cut off is read")
        }
    }

    /// A row may be damaged: reading it fails, or gives a summary that can be stored again.
    private static func damagedStoredForm(_ input: [UInt8]) throws(OracleFailure) {
        guard let summary = try? MessageSummary(decoding: input) else { return }  // refused
        let again = try? MessageSummary(decoding: summary.encoded())
        try expectEqual(again, summary, "a summary from odd bytes")
    }

    /// RFC 3501 7.4.2: what a client gets is well formed, and the same whether somebody watches or not.
    private static func responses(_ summary: MessageSummary) throws(OracleFailure) {
        let response = write(summary, isWatched: false)
        try expectEqual(write(summary, isWatched: true), response, "watching changes the response")
        try ResponseSyntax.check(response)
    }

    private static func write(_ summary: MessageSummary, isWatched: Bool) -> [UInt8] {
        var writer = IMAPResponseWriter()
        writer.isWatched = isWatched
        writer.beginFetch(1)
        writer.fetchEnvelope(summary.envelope)
        writer.fetchBody(summary.structure)
        writer.fetchBodyStructure(summary.structure)
        writer.endFetch()
        return writer.take()
    }
}
