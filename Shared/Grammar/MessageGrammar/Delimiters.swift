import MailWire

/// The boundaries of the multiparts that are open, innermost last (RFC 2046 5.1.1).
struct Delimiters {
    struct Match: Equatable {
        /// The frame of the multipart, as given to `push`.
        let frame: Int
        let isClose: Bool
    }

    private struct Entry {
        let frame: Int
        let boundary: [UInt8]
        let hash: UInt32
    }

    private var entries: [Entry] = []
    /// A bit for the length (modulo 64) of each boundary that is or was open: most lines fail here.
    private var lengths: UInt64 = 0

    var isEmpty: Bool { entries.isEmpty }

    mutating func push(_ boundary: [UInt8], frame: Int) {
        entries.append(Entry(frame: frame, boundary: boundary, hash: boundary.withUnsafeBytes { Self.hash($0) }))
        lengths |= Self.bit(boundary.count)
    }

    /// Forgets the boundaries of `frame` and of all frames inside it.
    mutating func pop(from frame: Int) {
        while let last = entries.last, last.frame >= frame { entries.removeLast() }
        if entries.isEmpty { lengths = 0 }
    }

    /// `line` is a line without its end. A delimiter is `--boundary`, then `--` if it closes, then only white space.
    func match(_ line: UnsafeRawBufferPointer) -> Match? {
        guard line.count >= 3, line.count <= MessageLimits.delimiterLine, line[0] == 0x2D, line[1] == 0x2D else {
            return nil
        }
        var end = line.count
        while end > 2, line[end - 1].isWSP { end -= 1 }
        let text = UnsafeRawBufferPointer(rebasing: line[2..<end])
        if let frame = find(text) { return Match(frame: frame, isClose: false) }
        guard text.count >= 3, text[text.count - 1] == 0x2D, text[text.count - 2] == 0x2D,
            let frame = find(UnsafeRawBufferPointer(rebasing: text[..<(text.count - 2)]))
        else { return nil }
        return Match(frame: frame, isClose: true)
    }

    private func find(_ text: UnsafeRawBufferPointer) -> Int? {
        guard lengths & Self.bit(text.count) != 0 else { return nil }
        let hash = Self.hash(text)
        for entry in entries.reversed() where entry.hash == hash && entry.boundary.elementsEqual(text) {
            return entry.frame
        }
        return nil
    }

    private static func bit(_ length: Int) -> UInt64 { 1 << UInt64(length & 63) }

    /// FNV-1a.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        bytes.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }
}
