/// How fast what is learnt. High rates win on clean labels and break under wrong ones: hence two learners.
package struct LearningSettings: Sendable {
    /// Steps of the slow and the fast learner of each view.
    package var rates = SIMD2(2.0, 10.0)
    /// Share of these by `FeatureView`. Construction has few features and every mail shares some of them: full steps
    /// would have ten moves of plain letters make every plain letter junk.
    package var shares = [0.5, 1, 1, 0.1]
    package var fusionRate = 0.02
    /// Old examples repeated after each new one.
    package var replays = 3
    /// A learner that is right by more than this learns nothing from the example.
    package var confident = 6.0
    /// Samples of both classes from which calibration begins to follow them.
    package var leastSamples = 50

    package init() {}
}

extension SpamModel {
    /// Learns one lesson. The same lessons in the same order on the same model give the same model, byte for byte.
    package mutating func learn(_ lesson: Lesson, settings: LearningSettings = LearningSettings()) {
        guard lesson.weight > 0, lesson.features.isComplete else { return }
        if lesson.source == .sample {
            let fused = fusion.logOdds(scores(lesson.features))
            memory.add(LessonMemory.Result(fused: Float(fused), isSpam: lesson.isSpam))
        }
        step(lesson.features, isSpam: lesson.isSpam, weight: lesson.weight, fuse: true, settings)
        for round in 0..<settings.replays {
            let isSpam = (round & 1 == 0) != lesson.isSpam
            guard let old = memory.pick(isSpam: isSpam) else { continue }
            step(old, isSpam: isSpam, weight: 1, fuse: round == 0, settings)
        }
        memory.add(lesson.features, isSpam: lesson.isSpam)
        if let category = lesson.category, !lesson.isSpam {
            categories.learn(lesson.features, category, rate: 4 * lesson.weight, salt: salt)
        }
        examples &+= 1
        if lesson.source == .sample, examples & 31 == 0 { recalibrate(settings) }
    }

    /// Decides which slots a step smaller than the unit moves; differs from step to step.
    private var salt: UInt32 { FeatureHash.spread(UInt32(truncatingIfNeeded: memory.generator.position)) }

    private mutating func step(
        _ features: FeatureSet, isSpam: Bool, weight: Double, fuse: Bool, _ settings: LearningSettings
    ) {
        if fuse { fusion.learn(scores(features), isSpam: isSpam, rate: settings.fusionRate * weight) }
        let salt = salt
        for index in tables.indices {
            tables[index].learn(
                features.views[index], isSpam: isSpam, rates: settings.rates * (weight * settings.shares[index]),
                confident: settings.confident,
                salt: salt)
        }
    }

    private mutating func recalibrate(_ settings: LearningSettings) {
        let results = memory.results.map { (fused: Double($0.fused), isSpam: $0.isSpam) }
        let unwanted = results.count { $0.isSpam }
        guard min(results.count - unwanted, unwanted) >= settings.leastSamples else { return }
        calibration = firstCalibration.following(results)
    }
}

extension FeatureSet {
    var isComplete: Bool { views.count == FeatureView.count }
}

extension WeightTable {
    mutating func learn(_ ids: [UInt32], isSpam: Bool, rates: SIMD2<Double>, confident: Double, salt: UInt32) {
        let scores = scores(ids)
        var steps = SIMD2<Double>.zero
        for lane in 0..<2 where isSpam ? scores[lane] <= confident : scores[lane] >= -confident {
            steps[lane] = rates[lane] * ((isSpam ? 1 : 0) - Logistic.probability(scores[lane]))
        }
        update(ids, steps: steps, salt: salt)
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
