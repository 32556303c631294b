/// What is searched for, in UTF-8 without regard to case (RFC 3501 6.4.4: case-insensitive substring).
struct FoldedNeedle: Sendable, Hashable {
    let bytes: [UInt8]
    /// How far to move on when the window ends in a byte (Horspool).
    private let skips: [Int]

    init(_ text: String) {
        let bytes = Self.fold(text)
        var skips = [Int](repeating: max(1, bytes.count), count: 256)
        for (index, byte) in bytes.dropLast().enumerated() { skips[Int(byte)] = bytes.count - 1 - index }
        self.bytes = bytes
        self.skips = skips
    }

    static func == (left: FoldedNeedle, right: FoldedNeedle) -> Bool { left.bytes == right.bytes }
    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    var isEmpty: Bool { bytes.isEmpty }

    func isIn(_ text: String) -> Bool { isIn(folded: Self.fold(text)) }

    func isIn(folded haystack: [UInt8]) -> Bool {
        guard !bytes.isEmpty else { return true }
        guard haystack.count >= bytes.count else { return false }
        return haystack.withUnsafeBufferPointer { hay in
            bytes.withUnsafeBufferPointer { needle in
                let last = needle.count - 1
                var start = 0
                while start + last < hay.count {
                    let end = hay[start + last]
                    if end == needle[last] {
                        var index = 0
                        while index < last, hay[start + index] == needle[index] { index += 1 }
                        if index == last { return true }
                    }
                    start += skips[Int(end)]
                }
                return false
            }
        }
    }

    static func fold(_ text: String) -> [UInt8] {
        var text = text
        let ascii = text.withUTF8 { foldASCII($0) }
        return ascii ?? Array(text.lowercased().utf8)
    }

    /// UTF-8 as it came; what is not UTF-8 is compared as U+FFFD.
    static func fold(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBufferPointer { foldASCII($0) }
            ?? Array(String(decoding: bytes, as: UTF8.self).lowercased().utf8)
    }

    /// Most text is ASCII; `nil` if it is not.
    private static func foldASCII(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var isASCII = true
        let folded = [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            var high: UInt8 = 0
            for index in bytes.indices {
                let byte = bytes[index]
                high |= byte
                buffer[index] = byte &- 0x41 < 26 ? byte | 0x20 : byte
            }
            isASCII = high < 0x80
            count = bytes.count
        }
        return isASCII ? folded : nil
    }
}
