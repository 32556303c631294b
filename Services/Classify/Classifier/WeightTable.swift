/// The weights of one view: one contiguous table, a power of two long, indexed by feature slots. Two learners share
/// each slot, a slow one that a wrong label moves little and a fast one that follows what happens now: one memory
/// access serves both.
///
/// Features are binary and every mail is scaled to length 1, so a mail of n features scores `sum(w) / sqrt(n)`: long
/// mails do not shout down short ones.
///
/// Weights are integers of 1/1024, so a table is the same after writing and reading it, and on every machine. A step
/// smaller than that moves a share of the slots by one unit, which ones being fixed by slot and salt.
package struct WeightTable: Sendable, Equatable {
    static let unit = 1024.0

    package let bits: Int
    /// Lane 0 is the slow learner, lane 1 the fast one.
    package internal(set) var weights: [SIMD2<Int16>]

    package init(bits: Int) {
        self.bits = bits
        self.weights = [SIMD2<Int16>](repeating: .zero, count: 1 << bits)
    }

    init(bits: Int, weights: [SIMD2<Int16>]) {
        self.bits = bits
        self.weights = weights
    }

    /// Log-odds by this view alone, of both learners; 0 without features.
    package func scores(_ ids: [UInt32]) -> SIMD2<Double> {
        guard !ids.isEmpty else { return .zero }
        let mask = UInt32(truncatingIfNeeded: weights.count - 1)
        let sum = weights.withUnsafeBufferPointer { weights in
            ids.reduce(into: SIMD2<Int32>.zero) { sum, id in
                sum &+= SIMD2<Int32>(truncatingIfNeeded: weights[Int(id & mask)])
            }
        }
        return SIMD2<Double>(sum) / (Self.unit * Double(ids.count).squareRoot())
    }

    /// Both learners' opinions as one.
    func score(_ ids: [UInt32]) -> Double { scores(ids).sum() / 2 }

    subscript(_ id: UInt32) -> SIMD2<Double> {
        SIMD2<Double>(weights[Int(id & UInt32(truncatingIfNeeded: weights.count - 1))]) / Self.unit
    }

    /// One step of gradient descent on the logistic loss; `steps` are rate times error of each learner.
    mutating func update(_ ids: [UInt32], steps: SIMD2<Double>, salt: UInt32) {
        guard !ids.isEmpty else { return }
        let exact = (steps * (Self.unit / Double(ids.count).squareRoot())).clamped(
            lowerBound: SIMD2(repeating: -30_000), upperBound: SIMD2(repeating: 30_000))
        let whole = exact.rounded(.down)
        let rest = SIMD2<Int32>((exact - whole) * 65_536)
        guard exact != .zero else { return }
        let base = SIMD2<Int32>(whole)
        let mask = UInt32(truncatingIfNeeded: weights.count - 1)
        let (lowest, highest) = (SIMD2<Int32>(repeating: -32_767), SIMD2<Int32>(repeating: 32_767))
        for id in ids {
            let dice = SIMD2<Int32>(
                repeating: Int32(truncatingIfNeeded: FeatureHash.spread(id ^ salt) >> 16))
            let step = base.replacing(with: base &+ 1, where: dice .< rest)
            let slot = Int(id & mask)
            let sum = SIMD2<Int32>(truncatingIfNeeded: weights[slot]) &+ step
            weights[slot] = SIMD2<Int16>(
                truncatingIfNeeded: sum.clamped(lowerBound: lowest, upperBound: highest))
        }
    }
}
