import MailWire
import Storage

/// The many lines of LIST and UIDL, in pieces: a maildrop of any size costs little memory to list.
package struct MaildropListing: Sendable {
    package enum Kind: Sendable { case sizes, uniqueIDs }

    private static let linesPerPiece = 1024

    private let maildrop: Maildrop
    private let kind: Kind
    private let validity: [UInt8]
    private var next: Maildrop.Index = 0
    private var isEnded = false

    package init(_ maildrop: Maildrop, _ kind: Kind) {
        self.maildrop = maildrop
        self.kind = kind
        validity = Array("\(maildrop.snapshot.uidValidity).".utf8)
    }

    /// The next lines, or `nil` behind the dot that ends them.
    package mutating func nextPiece() -> [UInt8]? {
        guard !isEnded else { return nil }
        var piece: [UInt8] = []
        if next == 0 { piece += "+OK \(maildrop.summary)\r\n".utf8 }
        let end = min(next + Self.linesPerPiece, maildrop.size)
        while next < end {
            if !maildrop.isMarked(next) { appendLine(of: next, to: &piece) }
            next += 1
        }
        isEnded = next == maildrop.size
        if isEnded { piece += ".\r\n".utf8 }
        return piece
    }

    /// `number size` or `number unique-id`, without a detour over `String`.
    private func appendLine(of index: Maildrop.Index, to piece: inout [UInt8]) {
        let message = maildrop.message(at: index)
        Decimal.append(index + 1, to: &piece)
        piece.append(.space)
        switch kind {
        case .sizes: Decimal.append(message.size, to: &piece)
        case .uniqueIDs:
            piece += validity
            Decimal.append(Int(message.uid), to: &piece)
        }
        piece.append(.carriageReturn)
        piece.append(.lineFeed)
    }
}
