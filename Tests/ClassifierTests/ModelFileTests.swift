import Classifier
import Testing

@Suite("Model file")
struct ModelFileTests {
    @Test("keeps what a model says")
    func roundTrip() throws {
        let model = Samples.trained()
        let bytes = ModelFile.encode(model)
        let read = try ModelFile.decode(bytes)
        #expect(ModelFile.encode(read) == ModelFile.encode(try ModelFile.decode(ModelFile.encode(read))))
        let extractor = FeatureExtractor()
        for body in ["lunch in the garden", "cheap pills", "free casino money"] {
            let features = extractor.featureSet(of: Samples.mail(body: body))
            #expect(abs(model.logOdds(features) - read.logOdds(features)) < 0.2)
        }
    }

    @Test("stays below four megabytes")
    func isSmall() { #expect(ModelFile.encode(SpamModel()).count < 4 << 20) }

    @Test("refuses what is no whole model of its version")
    func refusesDamage() {
        let bytes = ModelFile.encode(SpamModel())
        #expect(throws: ModelFile.Failure.notAModel) { try ModelFile.decode([]) }
        #expect(throws: ModelFile.Failure.notAModel) { try ModelFile.decode(Array("something else".utf8)) }
        #expect(throws: ModelFile.Failure.damaged) { try ModelFile.decode(Array(bytes.prefix(9))) }
        #expect(throws: ModelFile.Failure.damaged) { try ModelFile.decode(Array(bytes.dropLast())) }
        #expect(throws: ModelFile.Failure.damaged) { try ModelFile.decode(bytes + [0]) }
        var flipped = bytes
        flipped[bytes.count / 2] ^= 1
        #expect(throws: ModelFile.Failure.damaged) { try ModelFile.decode(flipped) }
        var newer = bytes
        newer[8] = 9
        #expect(throws: ModelFile.Failure.unknownVersion(9)) { try ModelFile.decode(newer) }
    }
}
