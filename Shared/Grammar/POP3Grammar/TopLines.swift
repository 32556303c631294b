import MailWire

/// Where TOP ends: behind the header, the empty line and so many lines of the body (RFC 1939 7). Push, any cuts.
package struct TopLines: Sendable {
    private enum LineSoFar { case nothing, carriageReturn, something }

    private var linesLeft: Int
    private var isInHeader = true
    private var lineSoFar = LineSoFar.nothing
    package private(set) var isComplete = false

    package init(_ lines: Int) { linesLeft = lines }

    /// How many bytes of the piece are still wanted.
    package mutating func take(_ piece: UnsafeRawBufferPointer) -> Int {
        var position = 0
        while !isComplete, position < piece.count {
            guard let lineFeed = LineFeed.find(in: piece, from: position) else {
                note(piece[position...])
                return piece.count
            }
            note(piece[position..<lineFeed])
            endLine()
            position = lineFeed + 1
        }
        return position
    }

    /// Only whether the line is empty matters, and of a long one the first two bytes tell.
    private mutating func note(_ bytes: Slice<UnsafeRawBufferPointer>) {
        for byte in bytes.prefix(2) {
            lineSoFar = lineSoFar == .nothing && byte == .carriageReturn ? .carriageReturn : .something
        }
    }

    private mutating func endLine() {
        if isInHeader {
            isInHeader = lineSoFar == .something
        } else {
            linesLeft -= 1
        }
        lineSoFar = .nothing
        isComplete = !isInHeader && linesLeft <= 0
    }
}
