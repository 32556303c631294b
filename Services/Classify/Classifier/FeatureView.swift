/// A way to look at a mail; each has its own table of weights.
package enum FeatureView: Int, Sendable, CaseIterable {
    /// Byte 4-grams of the header fields that the sender chose.
    case header
    /// Byte 4-grams of the canonical visible text.
    case text
    /// Orthogonal sparse bigrams of words, with the field they stand in.
    case words
    /// Facts about the mail's construction.
    case structure

    /// Slots of the weight table, as a power of two.
    package var bits: Int {
        switch self {
        case .header: 18
        case .text, .words: 20
        case .structure: 8
        }
    }

    package static let count = 4
}

/// The distinct features of one view of one mail, with where each was first seen.
///
/// Distinctness costs one bit test per feature: a bit map of the table is kept, and after each mail only the bits that
/// were set are cleared.
struct FeatureBag {
    private(set) var ids: [UInt32] = []
    private(set) var origins: [UInt32] = []
    private var seen: [UInt64]
    private let shift: UInt32

    init(bits: Int) {
        seen = [UInt64](repeating: 0, count: max(1, (1 << bits) / 64))
        shift = UInt32(32 - bits)
    }

    /// Takes the upper bits of a 32-bit hash as the slot.
    mutating func add(hash: UInt32, origin: UInt32 = 0) { add(id: hash >> shift, origin: origin) }

    mutating func add(id: UInt32, origin: UInt32 = 0) {
        let word = Int(id >> 6)
        let bit: UInt64 = 1 << UInt64(id & 63)
        guard word < seen.count, seen[word] & bit == 0 else { return }
        seen[word] |= bit
        ids.append(id)
        origins.append(origin)
    }

    /// Every run of four bytes.
    mutating func addGrams(_ source: [UInt8], _ range: Range<Int>) {
        guard range.count >= 4, range.upperBound <= source.count else { return }
        var gram: UInt32 = 0
        for index in range.lowerBound..<range.lowerBound + 3 { gram = gram << 8 | UInt32(source[index]) }
        for index in range.lowerBound + 3..<range.upperBound {
            gram = gram << 8 | UInt32(source[index])
            add(hash: FeatureHash.gram(gram))
        }
    }

    mutating func add(_ words: WordList) { words.pairs { add(hash: $0, origin: $1) } }

    mutating func removeAll() {
        for id in ids { seen[Int(id >> 6)] = 0 }
        ids.removeAll(keepingCapacity: true)
        origins.removeAll(keepingCapacity: true)
    }
}

/// The features of one mail, all views: what is learnt from, and what a reservoir keeps. Holds no text.
package struct FeatureSet: Sendable, Equatable {
    package var views: [[UInt32]]
    /// What the header says about the kind of mail (`MailTrait`); for the category only.
    package var traits: [UInt32]

    package init(views: [[UInt32]], traits: [UInt32] = []) {
        self.views = views
        self.traits = traits
    }
}

/// Multiplicative hashing; stable for ever, since models hold slots.
enum FeatureHash {
    static let seed: UInt32 = 0x811C_9DC5

    /// FNV-1a over bytes.
    static func mix(_ hash: UInt32, _ byte: UInt8) -> UInt32 { (hash ^ UInt32(byte)) &* 0x0100_0193 }

    /// Spreads a word over all 32 bits, upper bits best.
    static func spread(_ word: UInt32) -> UInt32 {
        var value = word
        value ^= value >> 16
        value = value &* 0x7FEB_352D
        value ^= value >> 15
        value = value &* 0x846C_A68B
        return value ^ (value >> 16)
    }

    /// A 4-gram as a big-endian word.
    static func gram(_ word: UInt32) -> UInt32 { word &* 0x9E37_79B1 }

    /// Two words at a distance; distance 0 is a word alone.
    static func pair(_ first: UInt32, _ second: UInt32, distance: UInt32) -> UInt32 {
        spread(first &* 0x85EB_CA77 ^ (second &+ distance &* 0x27D4_EB2F))
    }
}
