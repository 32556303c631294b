import Classifier
import MailCore
import Testing

@Suite("Learning")
struct LearnerTests {
    private let extractor = FeatureExtractor()

    private func features(_ body: String) -> FeatureSet { extractor.featureSet(of: Samples.mail(body: body)) }

    @Test("tells what it was taught apart, one mail after the other")
    func learns() {
        let model = Samples.trained()
        #expect(model.logOdds(features("lunch in the garden")) < 0)
        #expect(model.logOdds(features("cheap pills, free money")) > 0)
    }

    @Test("gives the same model for the same mails")
    func isDeterministic() { #expect(ModelFile.encode(Samples.trained()) == ModelFile.encode(Samples.trained())) }

    @Test("learns on from the stored form as if it had never been stored")
    func learnsExactly() throws {
        var model = Samples.trained()
        var stored = try ModelFile.decode(ModelFile.encode(model))
        #expect(stored == model)
        for body in ["your parcel waits, pay the fee", "see you at noon", "cheap watches"] {
            let lesson = Lesson(features: features(body), isSpam: body != "see you at noon", source: .sample)
            model.learn(lesson)
            stored.learn(lesson)
        }
        #expect(stored == model)
    }

    @Test("a new label changes its mind")
    func unlearns() {
        var model = Samples.trained()
        let mail = features("free casino bonus click here")
        for _ in 0..<20 { model.learn(Lesson(features: mail, isSpam: false)) }
        #expect(model.logOdds(mail) < 0)
    }

    @Test("ten like mails put the eleventh into Junk, and other mail stays where it was")
    func tenMoves() throws {
        var model = try #require(SnapshotTests.model)
        let offer = "Dear reader, our garden society has printed a calendar of roses. It can be had at the office."
        #expect(!model.isSpam(features("\(offer) Number 11.")))
        for number in 1...10 { model.learn(Lesson(features: features("\(offer) Number \(number)."), isSpam: true)) }
        #expect(model.isSpam(features("\(offer) Number 11.")))
        for mail in HandWritten.wanted {
            let verdict = model.verdict(of: Samples.mail(mail.bytes), version: 2, using: FeatureExtractor())
            #expect(verdict.label == .ham, "\(mail.subject): \(verdict.reasons.map(\.text))")
        }
    }

    @Test("and ten moves out of Junk bring it back")
    func tenMovesBack() throws {
        var model = try #require(SnapshotTests.model)
        let text = "You have won our lottery prize money, claim your free casino bonus and cheap pills, click here now"
        #expect(model.isSpam(features("\(text) 11")))
        for number in 1...10 {
            model.learn(Lesson(features: features("\(text) \(number)"), isSpam: false, weight: 1.5))
        }
        #expect(!model.isSpam(features("\(text) 11")))
    }

    @Test("one wrong label moves little, and a lesson without weight nothing")
    func oneIsFew() throws {
        let first = try #require(SnapshotTests.model)
        var model = first
        for weight in [0, -1, Double.nan, -Double.infinity] {
            model.learn(Lesson(features: features("lunch at noon?"), isSpam: true, weight: weight))
        }
        #expect(model == first)
        model.learn(Lesson(features: FeatureSet(views: [[1], [2]]), isSpam: true))
        #expect(model == first)
        model.learn(Lesson(features: features("lunch at noon?"), isSpam: true, weight: Double.infinity))
        #expect(model.examples == first.examples)  // what is not a number of votes is none
        model.learn(Lesson(features: features("lunch at noon?"), isSpam: true))
        #expect(model.examples == first.examples + 1)
        let unwanted = HandWritten.wanted.count { mail in
            model.verdict(of: Samples.mail(mail.bytes), version: 2, using: FeatureExtractor()).isJunk
        }
        #expect(unwanted == 0)
    }

    @Test("survives thousands of lessons of one kind")
    func staysWithinBounds() {
        var model = SpamModel()
        let mail = features("x")
        for _ in 0..<3000 { model.learn(Lesson(features: mail, isSpam: true, weight: 4, source: .sample)) }
        #expect(model.logOdds(mail).isFinite && model.logOdds(mail) > 0)
        for _ in 0..<300 { model.learn(Lesson(features: mail, isSpam: false, weight: 4, source: .sample)) }
        #expect(model.logOdds(mail).isFinite && (0...1).contains(model.probability(mail)))
    }

    @Test("counts errors, the area above the curve, and what is found at a price")
    func evaluates() {
        var evaluation = Evaluation()
        for (score, isSpam) in [(-2.0, false), (-1.0, false), (1.0, false), (-1.5, true), (2.0, true)] {
            evaluation.add(logOdds: score, saysSpam: score > 0, isSpam: isSpam)
        }
        #expect(evaluation.falsePositives == 1)
        #expect(evaluation.falseNegatives == 1)
        #expect(abs(evaluation.areaAbove - 2.0 / 6) < 1e-9)
        #expect(evaluation.recall(atFalsePositives: 0) == 0.5)
    }
}
