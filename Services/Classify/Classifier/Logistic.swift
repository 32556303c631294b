import Glibc

/// The logistic function and its neighbours, written so that no input overflows.
enum Logistic {
    static func probability(_ logOdds: Double) -> Double {
        logOdds >= 0 ? 1 / (1 + exp(-logOdds)) : exp(logOdds) / (1 + exp(logOdds))
    }

    /// Keeps a view that is very sure from silencing the others: s / (1 + |s| / 6).
    static func squash(_ logOdds: Double) -> Double { logOdds * squashFactor(logOdds) }

    static func squashFactor(_ logOdds: Double) -> Double { 1 / (1 + abs(logOdds) / 6) }
}

/// SplitMix64: small, fast, the same numbers on every machine for the same seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable, Equatable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// A generator made with this seed goes on where this one is.
    var position: UInt64 { state }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
