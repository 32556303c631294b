import Classifier
import Testing

@Suite("Online learner")
struct LearnerTests {
    @Test("tells what it was taught apart, one mail after the other")
    func learns() {
        let model = Samples.trained()
        let extractor = FeatureExtractor()
        #expect(model.logOdds(extractor.featureSet(of: Samples.mail(body: "lunch in the garden"))) < 0)
        #expect(model.logOdds(extractor.featureSet(of: Samples.mail(body: "cheap pills, free money"))) > 0)
    }

    @Test("gives the same model for the same mails")
    func isDeterministic() { #expect(ModelFile.encode(Samples.trained()) == ModelFile.encode(Samples.trained())) }

    @Test("a new label changes its mind")
    func unlearns() {
        var model = Samples.trained()
        let extractor = FeatureExtractor()
        let mail = extractor.featureSet(of: Samples.mail(body: "free casino bonus click here"))
        for _ in 0..<20 { model.learn(Lesson(features: mail, isSpam: false)) }
        #expect(model.logOdds(mail) < 0)
    }

    @Test("counts errors and the area above the curve")
    func evaluates() {
        var evaluation = Evaluation()
        for (score, isSpam) in [(-2.0, false), (-1.0, false), (1.0, false), (-1.5, true), (2.0, true)] {
            evaluation.add(logOdds: score, saysSpam: score > 0, isSpam: isSpam)
        }
        #expect(evaluation.falsePositives == 1)
        #expect(evaluation.falseNegatives == 1)
        #expect(abs(evaluation.areaAbove - 2.0 / 6) < 1e-9)
    }
}
