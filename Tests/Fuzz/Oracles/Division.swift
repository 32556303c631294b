/// Ways to cut an input into pieces, as a network might.
///
/// Each piece is an array of its own, so that a read beyond its end is seen by the address sanitizer. Where the cuts
/// are depends on the bytes alone: an input that fails here fails everywhere.
enum Division {
    /// Longer inputs are not cut at every byte.
    private static let longestSingle = 2_048
    private static let drawn = 3

    static func all(of input: [UInt8]) -> [[[UInt8]]] {
        var divisions: [[[UInt8]]] = []
        if input.count <= longestSingle { divisions.append(input.map { [$0] }) }
        divisions.append(cut(input, behind: [0x0D]))
        divisions.append(cut(input, behind: [0x0A]))
        var generator = InputGenerator(input)
        for round in 0..<drawn {
            let count = 1 + Int(generator.next() % (round == 0 ? 1 : 12))
            let cuts = (0..<count).map { _ in Int(generator.next() % UInt64(input.count + 1)) }
            divisions.append(cut(input, at: cuts.sorted()))
        }
        return divisions
    }

    /// Two equal cuts make an empty piece.
    private static func cut(_ input: [UInt8], at cuts: [Int]) -> [[UInt8]] {
        var start = 0
        return (cuts + [input.count]).map { end in
            defer { start = end }
            return Array(input[start..<end])
        }
    }

    private static func cut(_ input: [UInt8], behind bytes: [UInt8]) -> [[UInt8]] {
        cut(input, at: input.indices.filter { bytes.contains(input[$0]) }.map { $0 + 1 })
    }

    /// Runs a parser on the whole and on each division; all must say the same.
    static func expectSame<Events: Equatable>(
        _ what: String, _ input: [UInt8], _ run: ([[UInt8]]) throws(OracleFailure) -> Events
    ) throws(OracleFailure) -> Events {
        let whole = try run([input])
        for pieces in all(of: input) {
            let events = try run(pieces)
            if events != whole {
                throw OracleFailure("\(what) depends on cuts: \(whole) whole, \(events) in \(pieces.map(\.count))")
            }
        }
        return whole
    }
}

/// Numbers that depend on the input alone (FNV-1a, then SplitMix64).
struct InputGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ input: [UInt8]) {
        state = input.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
