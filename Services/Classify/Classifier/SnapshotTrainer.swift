import MailCore

/// Makes a model from labelled mail, the same one every time.
///
/// The views are trained on all of it in several passes. Calibration and threshold must see scores as they are on
/// unseen mail, so they come from cross-fitting: each third is scored by views that were trained on the other two.
package struct SnapshotTrainer {
    package var seed: UInt64 = 20
    package var folds = 3
    package var rates = [2.0, 1.0, 0.5]
    /// Share of the examples whose short form is learnt as well, so that short plain mail is known.
    package var shortWeight = 0.5
    /// By `FeatureView`. Set, not fitted: a fit inside the collections trusts their headers, which say where a mail was
    /// collected, and a fit across them swings with the one left out. Learning from a server's own mail moves them.
    package var fusionWeights = [0.2, 0.5, 0.9, 0.6]

    package init() {}

    package func train(_ mails: [LabelledMail], report: (String) -> Void = { _ in }) -> SpamModel {
        var generator = SeededGenerator(seed: seed)
        let order = mails.shuffled(using: &generator)
        let unseen = byFold(order)
        report("\(unseen.count / 2) mails scored by models that had not seen them")
        var model = trainViews(order, seed: seed)
        // Both learners start from the same weights.
        model.fusion.weights = fusionWeights.map { $0 / 2 } + fusionWeights.map { $0 / 2 }
        let results = unseen.map { (fused: model.fusion.logOdds($0.scores), isSpam: $0.isSpam) }
        model.calibration = .fitted(results, falsePositiveBudget: SpamModel.Calibration.falsePositiveBudget)
        model.firstCalibration = model.calibration
        trainPhish(order, &model)
        model.examples = UInt64(order.count)
        report("fusion \(model.fusion.weights.map { ($0 * 100).rounded() / 100 }) bias \(model.fusion.bias)")
        report("calibration slope \(model.calibration.slope) offset \(model.calibration.offset)")
        report("threshold \(model.calibration.threshold)")
        return model
    }

    /// Each third scored by views trained on the other two.
    private func byFold(_ mails: [LabelledMail]) -> [Scored] {
        (0..<folds).flatMap { fold -> [Scored] in
            let training = mails.enumerated().filter { $0.offset % folds != fold }.map(\.element)
            let rest = mails.enumerated().filter { $0.offset % folds == fold }.map(\.element)
            return score(rest, trainViews(training, seed: seed &+ UInt64(fold)))
        }
    }

    private func score(_ mails: [LabelledMail], _ model: SpamModel) -> [Scored] {
        mails.flatMap { mail in
            [
                Scored(scores: model.scores(mail.features), isSpam: mail.isSpam),
                Scored(scores: model.scores(mail.short), isSpam: mail.isSpam),
            ]
        }
    }

    private struct Scored {
        var scores: [Double]
        var isSpam: Bool
    }

    private func trainViews(_ mails: [LabelledMail], seed: UInt64) -> SpamModel {
        var generator = SeededGenerator(seed: seed)
        var model = SpamModel()
        let balance = Self.balance(mails)
        for rate in rates {
            for mail in mails.shuffled(using: &generator) {
                let weight = mail.source.weight * (mail.isSpam ? balance : 1)
                let full = rate * min(weight, 4)
                model.step(mail.features, isSpam: mail.isSpam, rate: full, salt: generator.salt())
                model.step(mail.short, isSpam: mail.isSpam, rate: full * shortWeight, salt: generator.salt())
            }
        }
        return model
    }

    /// By how much one unwanted mail must count more so that both classes weigh the same.
    private static func balance(_ mails: [LabelledMail]) -> Double {
        let unwanted = mails.filter(\.isSpam).reduce(0) { $0 + $1.source.weight }
        let wanted = mails.filter { !$0.isSpam }.reduce(0) { $0 + $1.source.weight }
        return unwanted > 0 ? wanted / unwanted : 1
    }

    private func trainPhish(_ mails: [LabelledMail], _ model: inout SpamModel) {
        var generator = SeededGenerator(seed: seed)
        let unwanted = mails.filter(\.isSpam)
        for rate in rates {
            for mail in unwanted.shuffled(using: &generator) {
                let isPhish = mail.label == .phish
                // Modern spam holds phishing that nobody marked: it says little here.
                let weight = isPhish ? 2.0 : mail.source == .modernSpam ? 0.2 : 1
                for features in [mail.features, mail.short] {
                    let ids = SpamModel.phishIDs(features.views[FeatureView.words.rawValue])
                    let score = model.phish.score(ids) + model.phishBias
                    let error = (isPhish ? 1 : 0) - Logistic.probability(score)
                    model.phish.update(ids, steps: SIMD2(repeating: rate * weight * error), salt: generator.salt())
                    model.phishBias += 0.01 * rate * weight * error
                }
            }
        }
    }
}

extension SpamModel {
    fileprivate mutating func step(_ features: FeatureSet, isSpam: Bool, rate: Double, salt: UInt32) {
        for index in tables.indices {
            tables[index].learn(
                features.views[index], isSpam: isSpam, rates: SIMD2(repeating: rate), confident: 6, salt: salt)
        }
    }
}

extension SeededGenerator {
    fileprivate mutating func salt() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
}
