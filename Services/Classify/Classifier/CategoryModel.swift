package import MailCore

/// Tells kinds of wanted mail apart: header fields decide where they can (`MailTrait`), else one logistic regression
/// for each kind against the others, over words and over facts of construction.
package struct CategoryModel: Sendable, Equatable {
    static let wordBits = 13
    static let factBits = 9
    /// Below this probability a mail has no category.
    package static let threshold = 0.5

    struct Kind: Sendable, Equatable {
        var words = WeightTable(bits: wordBits)
        var facts = WeightTable(bits: factBits)
        var bias = 0.0

        func score(_ features: CategoryFeatures) -> Double {
            words.score(features.words) + facts.score(features.facts) + bias
        }
    }

    /// By the order of `Verdict.Category.allCases`.
    var kinds = [Kind](repeating: Kind(), count: Verdict.Category.allCases.count)

    package init() {}

    package func category(_ features: FeatureSet) -> Verdict.Category? {
        category(
            words: features.views[FeatureView.words.rawValue],
            structure: features.views[FeatureView.structure.rawValue],
            traits: features.traits)
    }

    func category(words: [UInt32], structure: [UInt32], traits: [UInt32]) -> Verdict.Category? {
        if let certain = MailTrait.category(traits) { return certain }
        let features = CategoryFeatures(words: words, structure: structure, traits: traits)
        let scores = kinds.map { $0.score(features) }
        guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }),
            Logistic.probability(scores[best]) > Self.threshold
        else { return nil }
        return Verdict.Category.allCases[best]
    }

    mutating func learn(_ features: FeatureSet, _ category: Verdict.Category, rate: Double, salt: UInt32) {
        let features = CategoryFeatures(
            words: features.views[FeatureView.words.rawValue],
            structure: features.views[FeatureView.structure.rawValue],
            traits: features.traits)
        for (index, kind) in Verdict.Category.allCases.enumerated() {
            let error = (kind == category ? 1 : 0) - Logistic.probability(kinds[index].score(features))
            let steps = SIMD2(repeating: rate * error)
            kinds[index].words.update(features.words, steps: steps, salt: salt &+ UInt32(index))
            kinds[index].facts.update(features.facts, steps: steps, salt: salt &+ UInt32(index))
            kinds[index].bias += 0.02 * rate * error
        }
    }
}

/// What a category is judged by; slots of the category tables.
struct CategoryFeatures {
    var words: [UInt32]
    /// Structure features have slots below 256, traits those above.
    var facts: [UInt32]

    init(words: [UInt32], structure: [UInt32], traits: [UInt32]) {
        self.words = words.map { $0 >> UInt32(FeatureView.words.bits - CategoryModel.wordBits) }
        self.facts = structure + traits
    }
}
