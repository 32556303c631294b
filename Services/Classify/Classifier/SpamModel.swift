/// The whole model: a value. Readers keep a copy (the tables are shared until someone writes), one writer learns.
package struct SpamModel: Sendable, Equatable {
    /// One table per `FeatureView`, by raw value; each holds a slow and a fast learner.
    package internal(set) var tables: [WeightTable]
    package internal(set) var fusion = Fusion()
    package internal(set) var calibration = Calibration()
    /// The calibration that the snapshot came with: what few samples are weighed against.
    var firstCalibration = Calibration()
    /// Tells credential phishing from other spam, by words; looked at only for mail that is spam.
    package internal(set) var phish = WeightTable(bits: phishBits)
    package internal(set) var phishBias = 0.0
    package internal(set) var categories = CategoryModel()
    /// Labelled mails learnt from.
    package internal(set) var examples: UInt64 = 0
    var memory = LessonMemory()

    static let phishBits = 16

    /// Online logistic regression over the squashed log-odds of the learners (slow ones of all views, then fast ones);
    /// weights never go below zero.
    package struct Fusion: Sendable, Equatable {
        package static let count = 2 * FeatureView.count
        package internal(set) var bias = 0.0
        package internal(set) var weights = [Double](repeating: 0.25, count: count)

        func logOdds(_ scores: [Double]) -> Double {
            zip(weights, scores).reduce(bias) { $0 + $1.0 * Logistic.squash($1.1) }
        }
    }

    /// Platt scaling, and the probability from which a mail is junk (chosen by a budget of false positives).
    package struct Calibration: Sendable, Equatable {
        package internal(set) var slope = 1.0
        package internal(set) var offset = 0.0
        package internal(set) var threshold = 0.5

        func logOdds(_ fused: Double) -> Double { slope * fused + offset }
    }

    package init() { tables = FeatureView.allCases.map { WeightTable(bits: $0.bits) } }

    /// Log-odds of each learner, in the order of the fusion.
    func scores(_ features: FeatureSet) -> [Double] { scores { features.views[$0] } }

    func scores(_ ids: (Int) -> [UInt32]) -> [Double] {
        var scores = [Double](repeating: 0, count: Fusion.count)
        for index in tables.indices {
            let pair = tables[index].scores(ids(index))
            scores[index] = pair.x
            scores[FeatureView.count + index] = pair.y
        }
        return scores
    }

    /// Calibrated log-odds that the mail is unwanted.
    package func logOdds(_ features: FeatureSet) -> Double {
        calibration.logOdds(fusion.logOdds(scores(features)))
    }

    package func probability(_ features: FeatureSet) -> Double { Logistic.probability(logOdds(features)) }

    package func isSpam(_ features: FeatureSet) -> Bool { probability(features) > calibration.threshold }

    static func phishIDs(_ words: [UInt32]) -> [UInt32] {
        words.map { $0 >> UInt32(FeatureView.words.bits - phishBits) }
    }

    package func isPhish(_ words: [UInt32]) -> Bool { phish.score(Self.phishIDs(words)) + phishBias > 0 }
}
