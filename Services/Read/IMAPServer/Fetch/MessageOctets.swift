import IMAPGrammar
import MailCore
import MessageGrammar
import Storage

/// The bytes that a FETCH item names, as a range of the delivered message: its prefix, then the shared body.
enum SectionOctets {
    /// The part does not exist: NIL.
    case missing
    case range(Range<Int>)
    /// The fields of a header that pass, and the empty line.
    case fields(Range<Int>, names: [[UInt8]], not: Bool, FetchPartial?)

    /// Of a header, no more than this is searched for fields.
    static let longestHeader = 1024 * 1024

    init(_ section: FetchSection, _ partial: FetchPartial?, _ row: MessageStore.Row, _ summary: MessageSummary) {
        let whole = 0..<row.size
        guard let found = Self.find(section, row, summary)?.clamped(to: whole) else {
            self = .missing
            return
        }
        if case .headerFields(let names, let not) = section.text {
            let end = min(found.upperBound, found.lowerBound + Self.longestHeader)
            self = .fields(found.lowerBound..<end, names: names, not: not, partial)
        } else if let partial {
            let inside = partial.range(ofSize: found.count)
            self = .range(found.lowerBound + inside.lowerBound..<found.lowerBound + inside.upperBound)
        } else {
            self = .range(found)
        }
    }

    /// RFC 3501 6.4.5. What the mail's own header or body is, the prefix moves or is part of.
    private static func find(
        _ section: FetchSection, _ row: MessageStore.Row, _ summary: MessageSummary
    ) -> Range<Int>? {
        let shift = row.prefix.count
        let path = section.part.map(Int.init)
        let range: Range<Int>?
        switch section.text {
        case .full:
            if path.isEmpty { return 0..<row.size }
            range = summary.contentRange(at: path)
        case .header, .headerFields:
            if path.isEmpty { return 0..<shift + max(0, summary.headerLength) }
            range = summary.headerRange(at: path)
        case .text:
            if path.isEmpty { return min(shift + max(0, summary.headerLength), row.size)..<row.size }
            range = summary.textRange(at: path)
        case .mime: range = summary.mimeHeaderRange(at: path)
        }
        return range.map { $0.lowerBound + shift..<$0.upperBound + shift }
    }

    /// What has to be read to answer.
    var span: Range<Int> {
        switch self {
        case .missing: 0..<0
        case .range(let range), .fields(let range, _, _, _): range
        }
    }
}

extension Range<Int> {
    /// The slices of the body behind a prefix of `prefix` bytes that hold this range of the message.
    func slices(prefix: Int, body: BodyID?) -> [MessageStore.Slice] {
        let chunk = MessageStore.chunkSize
        guard let body, upperBound > prefix, !isEmpty else { return [] }
        var slices: [MessageStore.Slice] = []
        var start = Swift.max(lowerBound, prefix) - prefix
        let end = upperBound - prefix
        while start < end {
            let number = start / chunk
            let stop = Swift.min(end, (number + 1) * chunk)
            slices.append(
                .init(
                    body: body, chunk: Int32(clamping: number), offset: Int32(clamping: start - number * chunk),
                    length: Int32(clamping: stop - start)))
            start = stop
        }
        return slices
    }
}

/// The fields of a header block that `names` lets pass, each as it stands, and the empty line (RFC 3501 6.4.5).
func selectFields(_ header: [UInt8], names: [[UInt8]], not: Bool) -> [UInt8] {
    let fields = HeaderFields(header)
    var selected: [UInt8] = []
    for field in fields.fields {
        let name = fields.name(field)
        guard names.contains(where: { equalsFolded($0, name) }) != not else { continue }
        selected.append(contentsOf: header[fields.wireRange(field).clamped(to: 0..<header.count)])
    }
    selected.append(contentsOf: [0x0D, 0x0A])
    return selected
}

/// ASCII without case; a client may write the name of a field in any case.
private func equalsFolded(_ left: [UInt8], _ right: ArraySlice<UInt8>) -> Bool {
    func upper(_ byte: UInt8) -> UInt8 { byte &- 0x61 < 26 ? byte & 0xDF : byte }
    return left.count == right.count && zip(left, right).allSatisfy { upper($0) == upper($1) }
}
