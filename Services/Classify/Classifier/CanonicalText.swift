/// What canonicalisation had to undo; ordinary mail has next to none of it.
struct Disguise: Equatable {
    /// Latin words with letters of another script inside.
    var mixedScript = 0
    /// Words in full width, mathematical or circled letters.
    var styled = 0
    /// Latin words with invisible characters inside.
    var invisible = 0
    /// Words with digits or symbols in place of letters.
    var leet = 0
    /// Words written letter by letter.
    var spaced = 0

    var total: Int { mixedScript + styled + invisible + leet + spaced }
}

/// Turns text into the form in which disguised and plain spelling are the same bytes: UTF-8, lower case, look-alike
/// letters folded, invisible characters gone, spaced-out words joined, leet digits inside words read as letters,
/// other digits as `0`, white space as one space, web addresses cut to their host.
struct CanonicalText {
    private(set) var bytes: [UInt8] = []
    private(set) var disguise = Disguise()

    private var word = Word()
    private var singles = Singles()
    private var address = Address.none

    /// The word being written; `start` is its place in `bytes`.
    private struct Word {
        var start = 0
        var latin = 0
        var lookalikes = 0
        var styled = 0
        var digits = 0
        var symbols = 0
        var invisible = 0
        var pendingInvisible = false
        var isOpen = false
    }

    /// A run of one-letter words with the same separator.
    private struct Singles {
        var start = 0
        var count = 0
        var separator: UInt8 = 0
        var end = 0
    }

    private enum Address { case none, host, skipping }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        disguise = Disguise()
        reset()
    }

    private mutating func reset() {
        word = Word()
        singles = Singles()
        address = .none
    }

    /// Appends `source[range]` in canonical form until `limit` bytes are written by this call; a text ends the last
    /// word.
    mutating func append(_ source: [UInt8], _ range: Range<Int>, limit: Int) {
        reset()
        var position = max(0, range.lowerBound)
        let end = min(range.upperBound, source.count)
        let full = bytes.count + limit
        while position < end, bytes.count < full {
            let byte = source[position]
            if byte < 0x80 {
                position += 1
                ascii(byte, next: position < end ? source[position] : 0)
            } else {
                let (scalar, length) = Self.decode(source, position, end)
                position += length
                wide(scalar)
            }
        }
        endWord(before: 0)
        flushSingles()
    }

    mutating func appendSeparator() {
        if let last = bytes.last, last != space { bytes.append(space) }
    }

    // MARK: - ASCII

    private mutating func ascii(_ byte: UInt8, next: UInt8) {
        switch address {
        case .skipping:
            guard Self.endsAddress(byte) else { return }
            address = .none
        case .host:
            if Self.endsAddress(byte) {
                address = .none
            } else if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") {
                endWord(before: byte)
                address = .skipping
                return
            }
        case .none: break
        }
        let lower = byte | 0x20
        if lower >= UInt8(ascii: "a"), lower <= UInt8(ascii: "z") {
            letter(lower)
            word.latin += 1
        } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            letter(byte)
            word.digits += 1
        } else if word.isOpen, word.latin > 0, Self.leetSymbol(byte) != nil, Self.isLetter(next) {
            letter(byte)
            word.symbols += 1
        } else {
            punctuation(byte)
        }
    }

    private mutating func letter(_ byte: UInt8) {
        openWord()
        // One endless run without a space (base64, tracking codes) says nothing after its first bytes.
        if bytes.count - word.start < Self.longestWord { bytes.append(byte) }
    }

    private mutating func openWord() {
        if !word.isOpen {
            word = Word()
            word.start = bytes.count
            word.isOpen = true
        } else if word.pendingInvisible {
            word.invisible += 1
        }
        word.pendingInvisible = false
    }

    private mutating func punctuation(_ byte: UInt8) {
        let isSpace = byte <= space || byte == 0x7F
        endWord(before: isSpace ? space : byte)
        if isSpace {
            appendSeparator()
            return
        }
        let count = bytes.count
        if count >= 3, bytes[count - 1] == byte, bytes[count - 2] == byte, bytes[count - 3] == byte { return }
        if byte == UInt8(ascii: "/"), count >= 2, bytes[count - 1] == byte, bytes[count - 2] == UInt8(ascii: ":") {
            address = .host
        }
        bytes.append(byte)
    }

    // MARK: - Everything else

    private mutating func wide(_ scalar: UInt32) {
        if address == .skipping { return }
        switch Confusables.fold(scalar) {
        case .nothing:
            if word.isOpen, !Confusables.isMark(scalar) { word.pendingInvisible = true }
        case .variant(let byte):
            letter(byte)
            word.latin += 1
        case .styled(let byte):
            letter(byte)
            word.latin += 1
            word.styled += 1
        case .lookalike(let byte):
            letter(byte)
            word.lookalikes += 1
        case .itself: other(scalar)
        }
    }

    private mutating func other(_ scalar: UInt32) {
        switch scalar {
        case 0x80...0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: punctuation(space)
        case 0x2010...0x2015, 0x2212: punctuation(UInt8(ascii: "-"))
        case 0x2018, 0x2019, 0x201B, 0x2BC: punctuation(UInt8(ascii: "'"))
        case 0x201C...0x201F, 0xAB, 0xBB: punctuation(UInt8(ascii: "\""))
        case 0x2022, 0xB7: punctuation(UInt8(ascii: "*"))
        case 0x2026: punctuation(UInt8(ascii: "."))
        case 0xA1...0xBF, 0x2190...0x2BFF, 0x1F000...0x1FAFF:  // symbols, arrows, emoji
            endWord(before: space)
            bytes.append(contentsOf: UTF8Scalar(scalar))
        default:
            openWord()
            if bytes.count - word.start < Self.longestWord {
                bytes.append(contentsOf: UTF8Scalar(Self.lowercase(scalar)))
            }
        }
    }

    // MARK: - Words

    private mutating func endWord(before separator: UInt8) {
        guard word.isOpen else {
            // Two separators in a row end a run of single letters.
            if singles.count > 0, separator != space || singles.separator != space { flushSingles() }
            return
        }
        word.isOpen = false
        if word.latin > 0, word.lookalikes > 0 { disguise.mixedScript += 1 }
        if word.styled > 1 { disguise.styled += 1 }
        if word.latin > 0, word.invisible > 0 { disguise.invisible += 1 }
        if word.digits + word.symbols > 0 { readLeet(before: separator) }
        let isSingle = bytes.count - word.start == 1 && word.digits == 0
        if isSingle, singles.count > 0, singles.end + 1 == word.start, bytes[singles.end] == singles.separator {
            singles.count += 1
        } else {
            flushSingles()
            if isSingle { singles = Singles(start: word.start, count: 1, separator: separator, end: 0) }
        }
        singles.end = bytes.count
    }

    /// `v1agra`, `p@ssword`: a digit or symbol between two letters is read as the letter it stands for.
    private mutating func readLeet(before separator: UInt8) {
        let mayBeAddress =
            separator == UInt8(ascii: ".") || separator == UInt8(ascii: "-") || separator == UInt8(ascii: "_")
        let mixes = word.latin >= 2 && word.latin >= word.digits + word.symbols && bytes.count - word.start <= 16
        var found = false
        for index in word.start..<bytes.count {
            let byte = bytes[index]
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            guard isDigit || Self.leetSymbol(byte) != nil else { continue }
            let inside =
                index > word.start && index + 1 < bytes.count && Self.isLetter(bytes[index - 1])
                && (Self.isLetter(bytes[index + 1]) || Self.leet(bytes[index + 1]) != nil && index + 2 < bytes.count)
            if mixes, inside, isDigit || !mayBeAddress, let letter = Self.leet(byte) {
                bytes[index] = letter
                found = true
            } else if isDigit {
                bytes[index] = UInt8(ascii: "0")
            }
        }
        if found { disguise.leet += 1 }
    }

    /// `v i a g r a`, `f.r.e.e`: four or more single letters with one separator become one word.
    private mutating func flushSingles() {
        defer { singles = Singles() }
        guard singles.count >= 4, singles.end <= bytes.count else { return }
        for index in 0..<singles.count { bytes[singles.start + index] = bytes[singles.start + 2 * index] }
        let removed = singles.start + singles.count..<singles.end
        guard removed.lowerBound <= removed.upperBound else { return }
        bytes.removeSubrange(removed)
        word.start -= removed.count
        disguise.spaced += 1
    }
}

// MARK: - Tables

extension CanonicalText {
    /// Longer runs than this are cut.
    static let longestWord = 40

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
    }

    private static func endsAddress(_ byte: UInt8) -> Bool {
        byte <= space || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "\"")
            || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: ",")
    }

    private static func leet(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0"): UInt8(ascii: "o")
        case UInt8(ascii: "1"): UInt8(ascii: "i")
        case UInt8(ascii: "3"): UInt8(ascii: "e")
        case UInt8(ascii: "4"): UInt8(ascii: "a")
        case UInt8(ascii: "5"): UInt8(ascii: "s")
        case UInt8(ascii: "7"): UInt8(ascii: "t")
        default: leetSymbol(byte)
        }
    }

    private static func leetSymbol(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "@"): UInt8(ascii: "a")
        case UInt8(ascii: "$"): UInt8(ascii: "s")
        case UInt8(ascii: "!"), UInt8(ascii: "|"): UInt8(ascii: "i")
        default: nil
        }
    }

    /// Greek, Cyrillic and Armenian capitals; the Latin ones are folded before.
    private static func lowercase(_ scalar: UInt32) -> UInt32 {
        switch scalar {
        case 0x391...0x3A9, 0x410...0x42F: scalar + 0x20
        case 0x400...0x40F: scalar + 0x50
        case 0x531...0x556: scalar + 0x30
        default: scalar
        }
    }

    /// One scalar of UTF-8; a byte that starts no valid sequence is read as ISO 8859-1, which is what it mostly is.
    static func decode(_ source: [UInt8], _ position: Int, _ end: Int) -> (scalar: UInt32, length: Int) {
        let first = UInt32(source[position])
        let length =
            first >= 0xF0 && first < 0xF5
            ? 4 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xC2 && first < 0xE0 ? 2 : 1
        guard length > 1, position + length <= end else { return (first, 1) }
        var scalar = first & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
        for index in 1..<length {
            let byte = UInt32(source[position + index])
            guard byte & 0xC0 == 0x80 else { return (first, 1) }
            scalar = scalar << 6 | byte & 0x3F
        }
        let isValid =
            scalar <= 0x10FFFF && !(0xD800...0xDFFF).contains(scalar)
            && scalar >= (length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80)
        return isValid ? (scalar, length) : (first, 1)
    }
}

private let space = UInt8(ascii: " ")

/// The UTF-8 form of a scalar, without going through `String`.
struct UTF8Scalar: Sequence, IteratorProtocol {
    private var packed: UInt32
    private var left: Int

    init(_ scalar: UInt32) {
        switch scalar {
        case 0..<0x80: (packed, left) = (scalar << 24, 1)
        case 0x80..<0x800: (packed, left) = ((0xC0 | scalar >> 6) << 24 | (0x80 | scalar & 0x3F) << 16, 2)
        case 0x800..<0x10000:
            packed = (0xE0 | scalar >> 12) << 24 | (0x80 | scalar >> 6 & 0x3F) << 16 | (0x80 | scalar & 0x3F) << 8
            left = 3
        default:
            packed = (0xF0 | scalar >> 18 & 7) << 24 | (0x80 | scalar >> 12 & 0x3F) << 16
            packed |= (0x80 | scalar >> 6 & 0x3F) << 8 | (0x80 | scalar & 0x3F)
            left = 4
        }
    }

    mutating func next() -> UInt8? {
        guard left > 0 else { return nil }
        left -= 1
        defer { packed <<= 8 }
        return UInt8(packed >> 24)
    }
}
