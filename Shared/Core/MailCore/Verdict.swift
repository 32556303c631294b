/// What the classifier says of a mail. Data, not text: every consumer decides for itself how to show it.
package struct Verdict: Sendable, Codable, Hashable {
    package enum Label: String, Sendable, Codable, CaseIterable {
        case ham, spam, phish
    }

    /// One of at most five reasons, strongest first.
    package struct Reason: Sendable, Codable, Hashable {
        /// From the closed set in `Classifier`, e.g. `words.subject`, `header.shape`, `link.mismatch`.
        package let code: String
        /// Plain words for a person; holds no bytes of the mail beyond single words or host names.
        package let text: String
        /// The exact share of the log-odds, positive towards spam.
        package let weight: Double

        package init(code: String, text: String, weight: Double) {
            self.code = code
            self.text = text
            self.weight = weight
        }
    }

    /// What kind of wanted mail it is.
    package enum Category: String, Sendable, Codable, CaseIterable {
        /// Written by a person to persons: letters, work, appointments.
        case personal
        /// About something its reader did or has: receipts, deliveries, statements, bookings, codes.
        case transaction
        /// What its reader subscribed to, to be read.
        case newsletter
        /// Offers.
        case promotion
        /// From a machine or a network: alerts, reports, "somebody wrote to you".
        case notification
        /// A discussion list.
        case forum
    }

    package let label: Label
    /// Of being unwanted, 0...1.
    package let probability: Double
    package let reasons: [Reason]
    package let modelVersion: Int64
    /// `nil` for unwanted mail, and when none is likely enough.
    package let category: Category?

    package init(
        label: Label, probability: Double, reasons: [Reason], modelVersion: Int64, category: Category? = nil
    ) {
        self.label = label
        self.probability = probability
        self.reasons = reasons
        self.modelVersion = modelVersion
        self.category = category
    }

    /// Whether filerd puts the mail into Junk.
    package var isJunk: Bool { label != .ham }
}
