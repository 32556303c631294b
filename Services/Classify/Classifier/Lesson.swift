package import MailCore

/// One labelled mail to learn from: features and a label, no text.
package struct Lesson: Sendable {
    package enum Source: UInt8, Sendable {
        /// Somebody moved a mail into or out of Junk: nearly always a mistake of ours, so it says nothing about how
        /// often we are right. Views and fusion learn from it, calibration does not.
        case correction
        /// A labelled collection (`martlet train`): mail as it comes, right and wrong verdicts alike. Calibration
        /// learns from it too.
        case sample
    }

    /// What `FeatureExtractor.featureSet(of:)` gives.
    package let features: FeatureSet
    package let isSpam: Bool
    /// How much it counts: 1 is a user's word; above 4 counts as 4, nothing below 0.
    package let weight: Double
    package let source: Source
    /// What kind of wanted mail it is, when somebody said so.
    package let category: Verdict.Category?

    package init(
        features: FeatureSet, isSpam: Bool, weight: Double = 1, source: Source = .correction,
        category: Verdict.Category? = nil
    ) {
        self.features = features
        self.isSpam = isSpam
        self.weight = weight.isFinite ? min(4, max(0, weight)) : 0
        self.source = source
        self.category = category
    }
}
