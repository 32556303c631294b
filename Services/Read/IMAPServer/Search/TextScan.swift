import MessageGrammar
import Storage

/// Looks for needles in one text part that arrives in pieces: decodes the transfer encoding and the charset, folds case.
/// Holds one block at a time and, of the one before, as much as a needle may straddle.
struct TextScan {
    private static let block = 64 * 1024

    private var decoder: TransferDecoder
    private let charset: String?
    private let overlap: Int
    private var decoded: [UInt8] = []
    private var tail: [UInt8] = []
    private(set) var open: [FoldedNeedle]

    init(_ needles: [FoldedNeedle], encoding: String, charset: String?) {
        decoder = TransferDecoder(encoding)
        self.charset = charset
        open = needles
        overlap = max(0, (needles.map(\.bytes.count).max() ?? 1) - 1)
    }

    mutating func feed(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { decoder.feed($0, into: &decoded) }
        while decoded.count >= Self.block, !open.isEmpty { look(atMost: Self.block) }
    }

    mutating func finish() {
        decoder.finish(into: &decoded)
        while !decoded.isEmpty, !open.isEmpty { look(atMost: Self.block) }
    }

    /// Cuts at the last line end, so that no character is cut, unless there is none.
    private mutating func look(atMost limit: Int) {
        var end = min(limit, decoded.count)
        if end < decoded.count, let newline = decoded[..<end].lastIndex(of: 0x0A) { end = newline + 1 }
        let piece = Array(decoded[..<end])
        decoded.removeFirst(end)
        let folded = tail + fold(piece)
        open.removeAll { $0.isIn(folded: folded) }
        tail = Array(folded.suffix(overlap))
    }

    private func fold(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.allSatisfy({ $0 < 0x80 && $0 != 0x1B }) { return FoldedNeedle.fold(bytes) }
        return FoldedNeedle.fold(CharsetDecoder.string(bytes, charset: charset))
    }
}

extension BodyPart {
    /// Text leaves and the headers of enclosed messages, in order, as far as a search looks at them.
    func searchable(into parts: inout [SearchablePart]) {
        switch content {
        case .leaf:
            if type == "text" { parts.append(.text(self)) }
        case .multipart(let children):
            for child in children { child.searchable(into: &parts) }
        case .message(let message):
            parts.append(.header(message.structure.headerRange))
            message.structure.searchable(into: &parts)
        }
    }

    var charset: String? {
        parameters.first { $0.name.elementsEqual("charset".utf8) { $0 | 0x20 == $1 } }
            .map { String(decoding: $0.value, as: UTF8.self) }
    }
}

enum SearchablePart {
    case text(BodyPart)
    /// Of an enclosed message.
    case header(Range<Int>)

    var range: Range<Int> {
        switch self {
        case .text(let part): part.bodyRange
        case .header(let range): range
        }
    }
}
