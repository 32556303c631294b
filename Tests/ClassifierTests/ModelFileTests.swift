import Classifier
import Testing

@Suite("Model file")
struct ModelFileTests {
    @Test("keeps what a model says")
    func roundTrip() throws {
        let model = Samples.trained()
        let bytes = ModelFile.encode(model)
        let read = try ModelFile.decode(bytes)
        #expect(read == model)
        #expect(ModelFile.encode(read) == bytes)
        let extractor = FeatureExtractor()
        for body in ["lunch in the garden", "cheap pills", "free casino money"] {
            let features = extractor.featureSet(of: Samples.mail(body: body))
            #expect(model.logOdds(features) == read.logOdds(features))
        }
    }

    @Test("stays below four megabytes")
    func isSmall() { #expect(ModelFile.encode(SpamModel()).count < 4 << 20) }

    /// Models of the first version are in the databases of old installations.
    @Test("reads the first version: both learners start from the one there was")
    func readsFirstVersion() throws {
        var bytes = Array("MARTLETM".utf8)
        bytes += [1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 5, 0]
        for (kind, bits) in [(0, 18), (1, 20), (2, 20), (3, 8), (0x80, 16)] {
            bytes += [UInt8(kind), UInt8(bits)]
            bytes += [0, 0, 0, 0x40]  // scale 2
            bytes += [127, 0x81] + [UInt8](repeating: 0, count: (1 << bits) - 2)  // 2, -2, 0, ...
        }
        for number in [0.5, 0.2, 0.5, 0.9, 0.6, 1.5, 0.25, 0.9, -1] {
            withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += Array($0) }
        }
        withUnsafeBytes(of: Self.checksum(bytes).littleEndian) { bytes += Array($0) }
        #expect(ModelFile.version(of: bytes) == 1)
        let model = try ModelFile.decode(bytes)
        #expect(model.examples == 7)
        #expect(model.tables.allSatisfy { $0.scores([0]) == SIMD2(2, 2) && $0.scores([1]) == SIMD2(-2, -2) })
        #expect(model.fusion.weights == [0.1, 0.25, 0.45, 0.3, 0.1, 0.25, 0.45, 0.3])
        #expect(model.calibration.threshold == 0.9 && model.phishBias == -1)
        #expect(ModelFile.version(of: ModelFile.encode(model)) == ModelFile.currentVersion)
        #expect(try ModelFile.decode(ModelFile.encode(model)) == model)
    }

    /// CRC-32, ISO 3309, bit by bit.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }

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
