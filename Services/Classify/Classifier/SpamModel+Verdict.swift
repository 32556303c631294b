package import MailCore

extension SpamModel {
    /// Judges a mail: the model's opinion, lifted to what the deterministic rules demand, with its strongest reasons.
    package func verdict(
        of sample: MailSample, version: Int64, using extractor: FeatureExtractor
    ) -> Verdict {
        extractor.read(sample)
        let views = viewScores { extractor.bags[$0].ids }
        let fused = calibration.logOdds(fusion.logOdds(views))
        var probability = Logistic.probability(fused)
        var label = Verdict.Label.ham
        if probability > calibration.threshold || extractor.rules.floor != .ham {
            label = isPhish(extractor.bags[FeatureView.words.rawValue].ids) ? .phish : .spam
        }
        if extractor.rules.floor != .ham { probability = max(probability, RuleReason.probability) }
        var explanation = Explanation(towardsSpam: label != .ham)
        explanation.add(extractor.rules)
        for view in FeatureView.allCases {
            let factor = calibration.slope * fusion.weights[view.rawValue] * Logistic.squashFactor(views[view.rawValue])
            let bag = extractor.bags[view.rawValue]
            guard !bag.ids.isEmpty, factor != 0 else { continue }
            let scale = factor / Double(bag.ids.count).squareRoot()
            switch view {
            case .header: explanation.add(.headerPattern, factor * views[view.rawValue])
            case .text: explanation.add(.textPattern, factor * views[view.rawValue])
            case .words: addWords(bag, scale, extractor, &explanation)
            case .structure:
                for id in bag.ids {
                    let feature = StructureFeature(rawValue: id)
                    explanation.add(feature?.reason ?? .structure, scale * Double(tables[view.rawValue][id]), feature)
                }
            }
        }
        return Verdict(
            label: label, probability: probability, reasons: explanation.reasons(mismatch: extractor.mismatch),
            modelVersion: version)
    }

    /// A pair of words shares its contribution between the two.
    private func addWords(
        _ bag: FeatureBag, _ scale: Double, _ extractor: FeatureExtractor, _ explanation: inout Explanation
    ) {
        let table = tables[FeatureView.words.rawValue]
        let words = extractor.words.words
        var shares = [Double](repeating: 0, count: words.count)
        for (id, origin) in zip(bag.ids, bag.origins) {
            let share = scale * Double(table[id])
            let index = Int(origin >> 3)
            let distance = Int(origin & 7)
            guard index < shares.count, distance <= index else { continue }
            if distance == 0 {
                shares[index] += share
            } else {
                shares[index] += share / 2
                shares[index - distance] += share / 2
            }
        }
        for (index, share) in shares.enumerated() where share != 0 {
            let word = words[index]
            explanation.add(word.field.reason, share)
            if (share > 0) == explanation.towardsSpam, word.length >= 4 {
                let source = word.field == .links ? extractor.content.hosts : extractor.text.bytes
                explanation.name(word, share, source)
            }
        }
    }
}
