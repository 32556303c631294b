import MailWire

/// Where a word stands; the same word in the subject and in the body are two features.
enum WordField: UInt8, CaseIterable {
    case subject = 1, sender, body, links

    var reason: ReasonCode {
        switch self {
        case .subject: .wordsSubject
        case .sender: .wordsSender
        case .body: .wordsBody
        case .links: .wordsLinks
        }
    }
}

/// The words of a mail, and their orthogonal sparse bigrams (Siefkes et al. 2004): each word alone, and with each of
/// the four before it together with the distance.
struct WordList {
    struct Word {
        var hash: UInt32
        var field: WordField
        /// Place in the canonical text, or in the host names for `links`.
        var start: Int
        var length: Int
    }

    static let window = 5
    static let maximumWords = 1500

    private(set) var words: [Word] = []

    mutating func removeAll() { words.removeAll(keepingCapacity: true) }

    /// A word is a run of letters, digits, inner apostrophes and bytes above ASCII; `!`, `$` and `%` are words too.
    mutating func append(_ source: [UInt8], _ range: Range<Int>, _ field: WordField) {
        var start = -1
        var hash = FeatureHash.seed
        for index in range {
            let byte = source[index]
            if Self.isWordByte(byte) {
                if start < 0 {
                    start = index
                    hash = FeatureHash.mix(FeatureHash.seed, field.rawValue)
                }
                hash = FeatureHash.mix(hash, byte)
                continue
            }
            if start >= 0, !Self.isReserved(source, start..<index, field) { add(hash, field, start, index - start) }
            start = -1
            if byte == UInt8(ascii: "!") || byte == UInt8(ascii: "$") || byte == UInt8(ascii: "%") {
                add(FeatureHash.mix(FeatureHash.mix(FeatureHash.seed, field.rawValue), byte), field, index, 1)
            }
        }
        if start >= 0, !Self.isReserved(source, start..<range.upperBound, field) {
            add(hash, field, start, range.upperBound - start)
        }
    }

    /// Labels of domains that nobody owns (RFC 2606, RFC 6761): they stand for what a collector took out, or for a
    /// test.
    private static func isReserved(_ source: [UInt8], _ word: Range<Int>, _ field: WordField) -> Bool {
        guard field == .sender || field == .links else { return false }
        switch word.count {
        case 4: return ASCII.equalsIgnoringCase(source[word], "test")
        case 7:
            return ASCII.equalsIgnoringCase(source[word], "example")
                || ASCII.equalsIgnoringCase(source[word], "invalid")
        case 9: return ASCII.equalsIgnoringCase(source[word], "localhost")
        default: return false
        }
    }

    /// The labels of each linked site once.
    mutating func appendHosts(_ content: VisibleContent) {
        var previous: ArraySlice<UInt8> = []
        for link in content.links {
            let host = content.hosts[link.host]
            if host.elementsEqual(previous) { continue }
            previous = host
            append(content.hosts, link.host, .links)
        }
    }

    private mutating func add(_ hash: UInt32, _ field: WordField, _ start: Int, _ length: Int) {
        guard words.count < Self.maximumWords else { return }
        words.append(Word(hash: FeatureHash.spread(hash), field: field, start: start, length: length))
    }

    /// Calls with the hash of each feature and its origin: index of the word, times 8, plus the distance.
    func pairs(_ body: (_ hash: UInt32, _ origin: UInt32) -> Void) {
        for (index, word) in words.enumerated() {
            body(FeatureHash.pair(word.hash, 0, distance: 0), UInt32(index) << 3)
            for distance in 1..<Self.window where distance <= index {
                let other = words[index - distance]
                guard other.field == word.field else { break }
                body(
                    FeatureHash.pair(word.hash, other.hash, distance: UInt32(distance)),
                    UInt32(index) << 3 | UInt32(distance))
            }
        }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
            || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            || byte >= 0x80 || byte == UInt8(ascii: "'")
    }
}
