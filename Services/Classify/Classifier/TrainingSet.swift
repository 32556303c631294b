package import MailCore

/// The mail collections that models are made from and measured on, by the name of their folder.
package enum TrainingSet: String, Sendable, CaseIterable {
    case modernHam = "modern-ham"
    case syntheticBusiness = "synthetic-business"
    case spamassassinHam = "spamassassin-ham"
    case spamassassinHardHam = "spamassassin-hard-ham"
    case modernSpam = "modern-spam"
    case scam
    case spamassassinSpam = "spamassassin-spam"
    case nazarioPhishing = "nazario-phishing"
    /// Mails written for this project (`Snapshot/seeds.tsv`), each with its own label.
    case seeds
    // Only ever measured on: licence (phishing-pot) or to have sources that no model has seen.
    case phishingPot = "phishing-pot-2022-2023"
    case enron = "enron-categories"

    /// What all mails of the set are; `nil`: it is mixed.
    package var label: Verdict.Label? {
        switch self {
        case .seeds: nil
        case .modernHam, .syntheticBusiness, .spamassassinHam, .spamassassinHardHam, .enron: .ham
        case .modernSpam, .scam, .spamassassinSpam: .spam
        case .nazarioPhishing, .phishingPot: .phish
        }
    }

    /// Whether a model that ships may learn from it.
    package var isForTraining: Bool { self != .phishingPot && self != .enron }

    /// What all wanted mails of the set are, unless their header says otherwise.
    package var category: Verdict.Category? {
        switch self {
        case .syntheticBusiness, .spamassassinHam, .enron: .personal
        default: nil
        }
    }

    /// The sets differ in size, age and sameness: few modern mails count more, generated ones less, so that neither
    /// class is known by its decade.
    package var weight: Double {
        switch self {
        case .modernHam: 6
        case .spamassassinHardHam, .modernSpam, .seeds: 3
        case .scam: 2
        case .syntheticBusiness: 0.3
        default: 1
        }
    }
}

/// A mail of a collection, as features; its text is gone.
package struct LabelledMail: Sendable {
    package var features: FeatureSet
    /// The same mail as if it had come from a bare client: subject, sender and the first words only.
    package var short: FeatureSet
    package var source: TrainingSet
    package var label: Verdict.Label
    /// Day of receipt, `yyyy-mm-dd`, and name: an order in time.
    package var order: String
    /// What kind of wanted mail it is, where somebody said so.
    package var category: Verdict.Category?

    package init(
        features: FeatureSet, short: FeatureSet, source: TrainingSet, label: Verdict.Label, order: String,
        category: Verdict.Category? = nil
    ) {
        self.features = features
        self.short = short
        self.source = source
        self.label = label
        self.order = order
        self.category = category
    }

    package var isSpam: Bool { label != .ham }
}
