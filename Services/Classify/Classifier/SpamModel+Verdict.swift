package import MailCore

extension SpamModel {
    /// Judges a mail: the model's opinion, lifted to what the deterministic rules demand, with its strongest reasons.
    package func verdict(
        of sample: MailSample, version: Int64, using extractor: FeatureExtractor
    ) -> Verdict {
        extractor.read(sample)
        let scores = scores { extractor.bags[$0].ids }
        let fused = calibration.logOdds(fusion.logOdds(scores))
        var probability = Logistic.probability(fused)
        var label = Verdict.Label.ham
        // A verdict is never milder than the rules: a model can add suspicion, not remove it.
        let breaksRules = !extractor.rules.isEmpty
        if probability > calibration.threshold || breaksRules {
            label = isPhish(extractor.bags[FeatureView.words.rawValue].ids) ? .phish : .spam
        }
        if breaksRules { probability = max(probability, RuleReason.probability) }
        var explanation = Explanation(towardsSpam: label != .ham)
        explanation.add(extractor.rules)
        for view in FeatureView.allCases {
            let bag = extractor.bags[view.rawValue]
            let factor = factors(view, scores)
            guard !bag.ids.isEmpty, factor != .zero else { continue }
            let scale = factor / Double(bag.ids.count).squareRoot()
            switch view {
            case .header: explanation.add(.headerPattern, share(view, scores))
            case .text: explanation.add(.textPattern, share(view, scores))
            case .words: addWords(bag, scale, extractor, &explanation)
            case .structure:
                for id in bag.ids {
                    let feature = StructureFeature(rawValue: id)
                    let share = (scale * tables[view.rawValue][id]).sum()
                    explanation.add(feature?.reason ?? .structure, share, feature)
                }
            }
        }
        return Verdict(
            label: label, probability: probability, reasons: explanation.reasons(mismatch: extractor.mismatch),
            modelVersion: version, category: label == .ham ? category(of: extractor) : nil)
    }

    private func category(of extractor: FeatureExtractor) -> Verdict.Category? {
        categories.category(
            words: extractor.bags[FeatureView.words.rawValue].ids,
            structure: extractor.bags[FeatureView.structure.rawValue].ids, traits: extractor.traits)
    }

    /// By what a view's log-odds, of the slow and of the fast learner, count in the calibrated log-odds of the verdict.
    private func factors(_ view: FeatureView, _ scores: [Double]) -> SIMD2<Double> {
        let (slow, fast) = (view.rawValue, view.rawValue + FeatureView.count)
        return calibration.slope
            * SIMD2(
                fusion.weights[slow] * Logistic.squashFactor(scores[slow]),
                fusion.weights[fast] * Logistic.squashFactor(scores[fast]))
    }

    private func share(_ view: FeatureView, _ scores: [Double]) -> Double {
        (factors(view, scores) * SIMD2(scores[view.rawValue], scores[view.rawValue + FeatureView.count])).sum()
    }

    /// A pair of words shares its contribution between the two.
    private func addWords(
        _ bag: FeatureBag, _ scale: SIMD2<Double>, _ extractor: FeatureExtractor, _ explanation: inout Explanation
    ) {
        let table = tables[FeatureView.words.rawValue]
        let words = extractor.words.words
        var shares = [Double](repeating: 0, count: words.count)
        for (id, origin) in zip(bag.ids, bag.origins) {
            let share = (scale * table[id]).sum()
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
