import Glibc

/// Calibration from scores of mail that the views had not learnt when they were scored.
extension SpamModel.Calibration {
    /// A mail that is unwanted by more than this is junk, whatever the budget asks for.
    static let highestThreshold = 0.98

    /// Share of wanted mail that may be taken for junk.
    static let falsePositiveBudget = 0.002

    /// Platt 1999: a logistic fit of the label on the log-odds, with his smoothed targets, by gradient descent; then
    /// the lowest threshold that keeps false positives within the budget, never below an even chance.
    static func fitted(_ results: [(fused: Double, isSpam: Bool)], falsePositiveBudget: Double) -> SpamModel.Calibration
    {
        var fit = SpamModel.Calibration()
        let unwanted = Double(results.count { $0.isSpam })
        let wanted = Double(results.count) - unwanted
        guard unwanted > 0, wanted > 0 else { return fit }
        let high = (unwanted + 1) / (unwanted + 2)
        let low = 1 / (wanted + 2)
        for _ in 0..<500 {
            var (gradientSlope, gradientOffset, curvature) = (0.0, 0.0, (slope: 1e-6, cross: 0.0, offset: 1e-6))
            for (fused, isSpam) in results {
                let probability = Logistic.probability(fit.logOdds(fused))
                let error = (isSpam ? high : low) - probability
                let spread = probability * (1 - probability) / (isSpam ? unwanted : wanted)
                let share = error / (isSpam ? unwanted : wanted)
                gradientSlope += share * fused
                gradientOffset += share
                curvature.slope += spread * fused * fused
                curvature.cross += spread * fused
                curvature.offset += spread
            }
            // Newton's step, damped; both classes weigh alike, so the prior is even.
            let determinant = curvature.slope * curvature.offset - curvature.cross * curvature.cross
            guard determinant > 1e-12 else { break }
            let slopeStep = (curvature.offset * gradientSlope - curvature.cross * gradientOffset) / determinant
            let offsetStep = (curvature.slope * gradientOffset - curvature.cross * gradientSlope) / determinant
            fit.slope += 0.5 * slopeStep
            fit.offset += 0.5 * offsetStep
            if abs(slopeStep) + abs(offsetStep) < 1e-6 { break }
        }
        let scores = results.filter { !$0.isSpam }.map { Logistic.probability(fit.logOdds($0.fused)) }.sorted(by: >)
        let allowed = Int(falsePositiveBudget * Double(scores.count))
        let limit = allowed < scores.count ? scores[allowed] : 0
        fit.threshold = min(highestThreshold, max(0.5, limit + 1e-6))
        return fit
    }

    /// Fused log-odds from which a mail is junk.
    var cut: Double {
        let odds = log(threshold / (1 - threshold))
        return slope > 0 ? (odds - offset) / slope : odds
    }

    /// This calibration moved towards what newer samples say, the more the more there are, and within bounds: samples
    /// may be few, of one source that is easily told apart, or wrongly labelled, and then a free fit would either call
    /// everything junk or nothing.
    func following(_ results: [(fused: Double, isSpam: Bool)]) -> SpamModel.Calibration {
        let fitted = Self.fitted(results, falsePositiveBudget: Self.falsePositiveBudget)
        let share = Double(results.count) / Double(results.count + 500)
        var moved = self
        moved.slope += share * (min(2 * slope, max(slope / 2, fitted.slope)) - slope)
        moved.offset += share * (min(offset + 2, max(offset - 2, fitted.offset)) - offset)
        let wanted = results.filter { !$0.isSpam }.map(\.fused).sorted(by: >)
        let allowed = Int(Self.falsePositiveBudget * Double(wanted.count))
        let needed = allowed < wanted.count ? wanted[allowed] : cut
        let newCut = cut + share * (min(cut + 1, max(cut - 0.5, needed)) - cut)
        moved.threshold = Logistic.probability(moved.logOdds(newCut))
        return moved
    }
}
