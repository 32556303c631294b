/// Old examples that are repeated while new ones are learnt, so that a run of one kind does not push out the other.
/// Holds features, no text; the same number of each class.
struct LessonMemory: Sendable, Equatable {
    /// Kept examples of each class.
    static let capacity = 128
    /// Larger ones are not kept.
    static let longest = 16 << 10

    /// Of each class (wanted, unwanted), packed: a few kilobytes a mail.
    private(set) var kept: [[[UInt8]]] = [[], []]
    /// Fused log-odds, before learning, of the newest lessons that were samples of all mail, oldest first.
    private(set) var results: [Result] = []
    var generator = SeededGenerator(seed: 1)

    static let maximumResults = 2000

    struct Result: Sendable, Equatable {
        var fused: Float
        var isSpam: Bool
    }

    init() {}

    init(kept: [[[UInt8]]], results: [Result], generator: SeededGenerator) {
        self.kept = kept
        self.results = results
        self.generator = generator
    }

    /// Once full, each new one replaces one chosen by chance: the memory leans towards newer mail. The same mail with
    /// the other label is forgotten: somebody changed their mind.
    mutating func add(_ features: FeatureSet, isSpam: Bool) {
        let packed = features.packed
        let kind = isSpam ? 1 : 0
        kept[1 - kind].removeAll { $0 == packed }
        guard packed.count <= Self.longest else { return }
        if kept[kind].count < Self.capacity {
            kept[kind].append(packed)
        } else {
            kept[kind][Int.random(in: 0..<Self.capacity, using: &generator)] = packed
        }
    }

    mutating func pick(isSpam: Bool) -> FeatureSet? {
        kept[isSpam ? 1 : 0].randomElement(using: &generator).flatMap(FeatureSet.init(packed:))
    }

    mutating func add(_ result: Result) {
        if results.count >= Self.maximumResults { results.removeFirst(results.count - Self.maximumResults + 1) }
        results.append(result)
    }
}

// MARK: - Packed features

extension FeatureSet {
    /// Sorted, as distances: one or two bytes a feature.
    var packed: [UInt8] {
        var output: [UInt8] = []
        for ids in views + [traits] {
            output.appendVarint(UInt32(truncatingIfNeeded: ids.count))
            var previous: UInt32 = 0
            for id in ids.sorted() {
                output.appendVarint(id &- previous)
                previous = id
            }
        }
        return output
    }

    /// `nil` for what `packed` did not make.
    init?(packed: [UInt8]) {
        var reader = VarintReader(packed[...])
        var lists: [[UInt32]] = []
        for _ in 0...FeatureView.count {
            guard let count = reader.next(), count <= packed.count else { return nil }
            var ids: [UInt32] = []
            ids.reserveCapacity(Int(count))
            var previous: UInt32 = 0
            for _ in 0..<count {
                guard let distance = reader.next() else { return nil }
                previous = previous &+ distance
                ids.append(previous)
            }
            lists.append(ids)
        }
        guard reader.isAtEnd else { return nil }
        let traits = lists.removeLast()
        self.init(views: lists, traits: traits)
    }
}

extension [UInt8] {
    /// Seven bits a byte, least significant first, the top bit says that more follow.
    mutating func appendVarint(_ value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}

struct VarintReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { bytes.isEmpty }

    /// `nil` at the end, and for more than 32 bits.
    mutating func next() -> UInt32? {
        var value: UInt32 = 0
        var shift: UInt32 = 0
        while shift < 35, let byte = bytes.popFirst() {
            value |= UInt32(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}
