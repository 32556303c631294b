import MailCore

/// Makes a model from labelled mail, the same one every time.
///
/// The views are trained on all of it in several passes, in several orders, and the weights of the orders averaged:
/// what came last weighs no more than the rest. Calibration and threshold must see scores as they are on unseen mail,
/// so they come from cross-fitting: each third is scored by views that were trained on the other two.
package struct SnapshotTrainer {
    package var seed: UInt64 = 20
    package var folds = 3
    /// Orders that are averaged.
    package var orders = 4
    package var rates = [2.0, 1.0, 0.5]
    /// Share of the examples whose short form is learnt as well, so that short plain mail is known.
    package var shortWeight = 0.5
    /// By `FeatureView`. Set, not fitted: a fit inside the collections trusts their headers, which say where a mail was
    /// collected, and a fit across them swings with the one left out. Learning from a server's own mail moves them.
    package var fusionWeights = [0.2, 0.5, 0.9, 0.6]
    /// Examples of each class that the model remembers, so that its first lessons do not push out what it knows.
    package var remembered = 64

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
        model.categories = trainCategories(order)
        remember(order, &model)
        model.examples = UInt64(order.count)
        report("calibration slope \(model.calibration.slope) offset \(model.calibration.offset)")
        report("threshold \(model.calibration.threshold)")
        return model
    }

    // MARK: - Views

    /// Each third scored by views trained on the other two. The seeds are always learnt and never measured: each is
    /// there in two forms.
    private func byFold(_ mails: [LabelledMail]) -> [Scored] {
        (0..<folds).flatMap { fold -> [Scored] in
            let isLearnt = { (index: Int, mail: LabelledMail) in index % folds != fold || mail.source == .seeds }
            let training = mails.enumerated().filter { isLearnt($0.offset, $0.element) }.map(\.element)
            let rest = mails.enumerated().filter { !isLearnt($0.offset, $0.element) }.map(\.element)
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
        var average = WeightAverage()
        for order in 0..<orders {
            var generator = SeededGenerator(seed: seed &+ UInt64(order) &* 1000)
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
            average.add(model)
        }
        return average.model
    }

    /// By how much one unwanted mail must count more so that both classes weigh the same.
    private static func balance(_ mails: [LabelledMail]) -> Double {
        let unwanted = mails.filter(\.isSpam).reduce(0) { $0 + $1.source.weight }
        let wanted = mails.filter { !$0.isSpam }.reduce(0) { $0 + $1.source.weight }
        return unwanted > 0 ? wanted / unwanted : 1
    }

    // MARK: - Phishing, categories, memory

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

    /// Mail whose header decides by itself teaches nothing here.
    package func trainCategories(_ mails: [LabelledMail]) -> CategoryModel {
        var generator = SeededGenerator(seed: seed)
        var model = CategoryModel()
        let known = mails.filter { $0.category != nil && MailTrait.category($0.features.traits) == nil }
        let counts = Dictionary(known.map { ($0.category, $0.source.weight) }, uniquingKeysWith: +)
        let largest = counts.values.max() ?? 1
        for rate in rates {
            for mail in known.shuffled(using: &generator) {
                guard let category = mail.category, let count = counts[category] else { continue }
                let weight = mail.source.weight * min(4, (largest / count).squareRoot())
                model.learn(mail.features, category, rate: rate * min(weight, 4), salt: generator.salt())
            }
        }
        return model
    }

    /// The same number of every collection, the first of an order by chance.
    private func remember(_ order: [LabelledMail], _ model: inout SpamModel) {
        model.memory = LessonMemory()
        model.memory.generator = SeededGenerator(seed: seed)
        for isSpam in [false, true] {
            let sources = TrainingSet.allCases.map { set in order.filter { $0.source == set && $0.isSpam == isSpam } }
                .filter { !$0.isEmpty }
            var taken = 0
            for round in 0..<remembered {
                for source in sources where round < source.count && taken < remembered {
                    model.memory.add(source[round].features, isSpam: isSpam)
                    taken += 1
                }
            }
        }
    }
}

/// The mean of the views of several models.
private struct WeightAverage {
    private var sums = FeatureView.allCases.map { [Int32](repeating: 0, count: 1 << $0.bits) }
    private var count: Int32 = 0

    mutating func add(_ model: SpamModel) {
        count += 1
        for (view, table) in model.tables.enumerated() {
            for slot in table.weights.indices { sums[view][slot] += Int32(table.weights[slot].x) }
        }
    }

    var model: SpamModel {
        var model = SpamModel()
        guard count > 0 else { return model }
        for view in FeatureView.allCases {
            let weights = sums[view.rawValue].map { sum in
                SIMD2<Int16>(repeating: Int16(clamping: (2 * sum + (sum < 0 ? -count : count)) / (2 * count)))
            }
            model.tables[view.rawValue] = WeightTable(bits: view.bits, weights: weights)
        }
        return model
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
