/// The weights of one view: one contiguous table, a power of two long, indexed by feature slots.
///
/// Features are binary and every mail is scaled to length 1, so a mail of n features scores `sum(w) / sqrt(n)`: long
/// mails do not shout down short ones.
package struct WeightTable: Sendable, Equatable {
    package let bits: Int
    package internal(set) var weights: [Float]

    package init(bits: Int) {
        self.bits = bits
        self.weights = [Float](repeating: 0, count: 1 << bits)
    }

    init(bits: Int, weights: [Float]) {
        self.bits = bits
        self.weights = weights
    }

    /// Log-odds of spam by this view alone; 0 without features.
    package func score(_ ids: [UInt32]) -> Double {
        guard !ids.isEmpty else { return 0 }
        var sum: Float = 0
        let mask = UInt32(truncatingIfNeeded: weights.count - 1)
        for id in ids { sum += weights[Int(id & mask)] }
        return Double(sum) / Double(ids.count).squareRoot()
    }

    subscript(_ id: UInt32) -> Float { weights[Int(id & UInt32(truncatingIfNeeded: weights.count - 1))] }

    /// One step of gradient descent on the logistic loss; `step` is the rate times the error.
    mutating func update(_ ids: [UInt32], step: Double) {
        guard !ids.isEmpty else { return }
        let delta = Float(step / Double(ids.count).squareRoot())
        let mask = UInt32(truncatingIfNeeded: weights.count - 1)
        for id in ids { weights[Int(id & mask)] += delta }
    }
}
