/// How a filter did: counts at the threshold, and the area above the ROC curve.
package struct Evaluation: Sendable {
    private var wanted: [Double] = []
    private var unwanted: [Double] = []
    package private(set) var falsePositives = 0
    package private(set) var falseNegatives = 0

    package init() {}

    package mutating func add(logOdds: Double, saysSpam: Bool, isSpam: Bool) {
        if isSpam {
            unwanted.append(logOdds)
            if !saysSpam { falseNegatives += 1 }
        } else {
            wanted.append(logOdds)
            if saysSpam { falsePositives += 1 }
        }
    }

    package var wantedCount: Int { wanted.count }
    package var unwantedCount: Int { unwanted.count }

    /// 1-AUC: the chance that a wanted mail scores above an unwanted one; ties count half.
    package var areaAbove: Double {
        guard !wanted.isEmpty, !unwanted.isEmpty else { return 0 }
        let sorted = wanted.sorted()
        var wrong = 0.0
        for score in unwanted {
            let above = sorted.count - Self.position(sorted, score, orEqual: true)
            let equal = Self.position(sorted, score, orEqual: true) - Self.position(sorted, score, orEqual: false)
            wrong += Double(above) + Double(equal) / 2
        }
        return wrong / (Double(wanted.count) * Double(unwanted.count))
    }

    /// Share of the unwanted mail that is found by a threshold at which no more than this share of the wanted mail is
    /// taken for junk.
    package func recall(atFalsePositives share: Double) -> Double {
        guard !wanted.isEmpty, !unwanted.isEmpty else { return 0 }
        let threshold = wanted.sorted(by: >)[min(wanted.count - 1, Int(share * Double(wanted.count)))]
        return Double(unwanted.count { $0 > threshold }) / Double(unwanted.count)
    }

    /// Number of elements below `value`, or not above it.
    private static func position(_ sorted: [Double], _ value: Double, orEqual: Bool) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if orEqual ? sorted[middle] <= value : sorted[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package static func measure(_ model: SpamModel, _ mails: some Sequence<LabelledMail>) -> Evaluation {
        var evaluation = Evaluation()
        for mail in mails {
            evaluation.add(
                logOdds: model.logOdds(mail.features), saysSpam: model.isSpam(mail.features), isSpam: mail.isSpam)
        }
        return evaluation
    }

    /// Test, then train, in the order given.
    package static func prequential(
        _ mails: some Sequence<LabelledMail>, from model: SpamModel = SpamModel(),
        settings: LearningSettings = LearningSettings()
    ) -> Evaluation {
        var model = model
        var evaluation = Evaluation()
        for mail in mails {
            evaluation.add(
                logOdds: model.logOdds(mail.features), saysSpam: model.isSpam(mail.features), isSpam: mail.isSpam)
            model.learn(
                Lesson(features: mail.features, isSpam: mail.isSpam, source: .sample), settings: settings)
        }
        return evaluation
    }
}
