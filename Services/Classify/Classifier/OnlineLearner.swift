/// Learns from one labelled mail at a time. The only writer of its model; clock and chance come from outside.
package struct OnlineLearner: Sendable {
    package struct Settings: Sendable {
        /// Step of the views. High rates win on clean labels and break under wrong ones.
        package var rate = 4.0
        package var fusionRate = 0.02
        /// Old examples repeated after each new one.
        package var replays = 3
        /// Kept examples of each class.
        package var reservoir = 1024
        /// A view that is right by more than this learns nothing from the example.
        package var confident = 6.0
        package init() {}
    }

    package private(set) var model: SpamModel
    package var settings: Settings
    private var wanted: Reservoir
    private var unwanted: Reservoir
    private var generator: SeededGenerator

    package init(model: SpamModel = SpamModel(), settings: Settings = Settings(), seed: UInt64 = 1) {
        self.model = model
        self.settings = settings
        self.wanted = Reservoir(capacity: settings.reservoir)
        self.unwanted = Reservoir(capacity: settings.reservoir)
        self.generator = SeededGenerator(seed: seed)
    }

    /// One example: score first, then step, then replay from both classes alike.
    package mutating func learn(_ features: FeatureSet, isSpam: Bool, weight: Double = 1) {
        step(features, isSpam: isSpam, weight: weight, fuse: true)
        model.examples &+= 1
        for round in 0..<settings.replays {
            let fromUnwanted = (round & 1 == 0) != isSpam
            if let old = fromUnwanted ? unwanted.pick(&generator) : wanted.pick(&generator) {
                step(old, isSpam: fromUnwanted, weight: 1, fuse: false)
            }
        }
        if isSpam { unwanted.add(features, &generator) } else { wanted.add(features, &generator) }
    }

    private mutating func step(_ features: FeatureSet, isSpam: Bool, weight: Double, fuse: Bool) {
        let scores = model.viewScores(features)
        if fuse { model.fusion.learn(scores, isSpam: isSpam, rate: settings.fusionRate * weight) }
        for (index, score) in scores.enumerated() {
            model.tables[index].learn(
                features.views[index], score: score, isSpam: isSpam, rate: settings.rate * weight,
                confident: settings.confident)
        }
    }

    /// Ends a warm-up: Platt scaling and threshold from (fused log-odds, label) pairs that were scored before learning.
    package mutating func calibrate(_ results: [(fused: Double, isSpam: Bool)], falsePositiveBudget: Double) {
        model.calibration = .fitted(results, falsePositiveBudget: falsePositiveBudget)
    }
}

extension WeightTable {
    mutating func learn(_ ids: [UInt32], score: Double, isSpam: Bool, rate: Double, confident: Double) {
        if isSpam ? score > confident : score < -confident { return }
        update(ids, step: rate * ((isSpam ? 1 : 0) - Logistic.probability(score)))
    }
}

extension SpamModel.Fusion {
    mutating func learn(_ scores: [Double], isSpam: Bool, rate: Double) {
        let error = (isSpam ? 1 : 0) - Logistic.probability(logOdds(scores))
        bias += rate * error
        for (index, score) in scores.enumerated() {
            weights[index] = max(0, weights[index] + rate * error * Logistic.squash(score))
        }
    }
}

/// A bounded sample of past examples that leans towards the newer ones: each new one replaces a chance old one.
struct Reservoir: Sendable {
    private var kept: [FeatureSet] = []
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    mutating func add(_ features: FeatureSet, _ generator: inout SeededGenerator) {
        if kept.count < capacity {
            kept.append(features)
        } else if capacity > 0 {
            kept[Int.random(in: 0..<capacity, using: &generator)] = features
        }
    }

    func pick(_ generator: inout SeededGenerator) -> FeatureSet? { kept.randomElement(using: &generator) }
}

extension SpamModel.Calibration {
    /// Platt 1999: a logistic fit of the label on the log-odds, with his smoothed targets, by gradient descent; then
    /// the lowest threshold that keeps false positives within the budget, never below an even chance.
    static func fitted(_ results: [(fused: Double, isSpam: Bool)], falsePositiveBudget: Double) -> SpamModel.Calibration
    {
        var fit = SpamModel.Calibration()
        let unwanted = Double(results.count { $0.isSpam })
        let wanted = Double(results.count) - unwanted
        guard unwanted > 0, wanted > 0 else { return fit }
        let high = (unwanted + 1) / (unwanted + 2)
        let low = 1 / (wanted + 2)
        for _ in 0..<500 {
            var (gradientSlope, gradientOffset, curvature) = (0.0, 0.0, (slope: 1e-6, cross: 0.0, offset: 1e-6))
            for (fused, isSpam) in results {
                let probability = Logistic.probability(fit.logOdds(fused))
                let error = (isSpam ? high : low) - probability
                let spread = probability * (1 - probability) / (isSpam ? unwanted : wanted)
                let share = error / (isSpam ? unwanted : wanted)
                gradientSlope += share * fused
                gradientOffset += share
                curvature.slope += spread * fused * fused
                curvature.cross += spread * fused
                curvature.offset += spread
            }
            // Newton's step, damped; both classes weigh alike, so the prior is even.
            let determinant = curvature.slope * curvature.offset - curvature.cross * curvature.cross
            guard determinant > 1e-12 else { break }
            let slopeStep = (curvature.offset * gradientSlope - curvature.cross * gradientOffset) / determinant
            let offsetStep = (curvature.slope * gradientOffset - curvature.cross * gradientSlope) / determinant
            fit.slope += 0.5 * slopeStep
            fit.offset += 0.5 * offsetStep
            if abs(slopeStep) + abs(offsetStep) < 1e-6 { break }
        }
        let scores = results.filter { !$0.isSpam }.map { Logistic.probability(fit.logOdds($0.fused)) }.sorted(by: >)
        let allowed = Int(falsePositiveBudget * Double(scores.count))
        let limit = allowed < scores.count ? scores[allowed] : 0
        fit.threshold = min(0.97, max(0.5, limit + 1e-6))
        return fit
    }
}
