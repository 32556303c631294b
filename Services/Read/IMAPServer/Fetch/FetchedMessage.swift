import IMAPGrammar
import MailCore
import MessageGrammar
import Storage

/// One message of a FETCH with what is known of it.
struct FetchedMessage {
    /// Above this a message is streamed by itself.
    static let streamLimit = 384 * 1024

    let plan: FetchPlan
    let row: MessageStore.Row
    let summary: MessageSummary
    let position: Int
    /// This command set \Seen, so the answer says the flags (RFC 3501 6.4.5).
    let addsFlags: Bool
    /// Slices that must be read, in the order of the items; empty when the whole body came along.
    let slices: [MessageStore.Slice]
    private let size: Int

    init(_ plan: FetchPlan, _ row: MessageStore.Row, position: Int, addsFlags: Bool) {
        self.plan = plan
        self.row = row
        self.position = position
        self.addsFlags = addsFlags
        // A summary that cannot be read leaves a message without structure, not without bytes.
        summary =
            plan.columns.contains(.summary)
            ? (try? MessageSummary(decoding: row.summary)) ?? MessageSummary() : MessageSummary()
        var size = 0
        var slices: [MessageStore.Slice] = []
        for item in plan.items {
            guard let section = item.octets else { continue }
            let span = SectionOctets(section.section, section.partial, row, summary).span
            size += span.count
            if row.wholeBody == nil { slices += span.slices(prefix: row.prefix.count, body: row.body) }
        }
        self.size = size
        self.slices = slices
    }

    var isLarge: Bool { size > Self.streamLimit }
    var cost: Int { size }
    var missingSlices: Int { slices.count }

    /// The bytes of a range, from the prefix, the body that came along, or the pieces that were read for it.
    func bytes(of range: Range<Int>, _ pieces: inout ArraySlice<[UInt8]?>) -> [UInt8]? {
        var bytes = Array(row.prefix[range.clamped(to: 0..<row.prefix.count)])
        if let body = row.wholeBody {
            let first = max(range.lowerBound - row.prefix.count, 0)
            let end = max(range.upperBound - row.prefix.count, 0)
            guard first <= end, end <= body.count else { return nil }
            if bytes.isEmpty, first == 0, end == body.count { return body }
            bytes.append(contentsOf: body[first..<end])
            return bytes
        }
        for slice in range.slices(prefix: row.prefix.count, body: row.body) {
            guard let piece = pieces.popFirst().flatMap(\.self), piece.count == Int(slice.length) else { return nil }
            bytes.append(contentsOf: piece)
        }
        return bytes
    }
}
