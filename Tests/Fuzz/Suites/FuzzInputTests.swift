import Foundation
import FuzzOracles
import Testing

/// What `make fuzz` starts from and what it once found, checked at every `make test`.
@Suite struct FuzzInputTests {
    static let folder = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/")

    static func inputs(_ kind: String, _ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let path = "\(folder)/\(kind)/\(target.rawValue)"
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { name in
            (name, [UInt8](try Data(contentsOf: URL(filePath: "\(path)/\(name)"))))
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func holdsForEverySeed(target: FuzzTarget) throws {
        let seeds = try Self.inputs("Corpus", target)
        #expect(!seeds.isEmpty, "without seeds libFuzzer begins with nothing")
        for seed in seeds { #expect(throws: Never.self, "\(seed.name)") { try target.check(seed.bytes) } }
    }

    @Test(arguments: FuzzTarget.allCases)
    func holdsForEveryInputThatOnceFailed(target: FuzzTarget) throws {
        for input in try Self.inputs("Regressions", target) {
            #expect(throws: Never.self, "\(input.name)") { try target.check(input.bytes) }
        }
    }

    /// Bytes that no seed has: cut, doubled, damaged. The same ones in every run.
    @Test(arguments: FuzzTarget.allCases)
    func holdsForDamagedSeeds(target: FuzzTarget) throws {
        for seed in try Self.inputs("Corpus", target) {
            for round in 0..<8 {
                let damaged = Self.damaged(seed.bytes, round)
                #expect(throws: Never.self, "\(seed.name), round \(round): \(damaged)") { try target.check(damaged) }
            }
        }
    }

    private static func damaged(_ bytes: [UInt8], _ round: Int) -> [UInt8] {
        var bytes = bytes
        guard !bytes.isEmpty else { return [UInt8(round)] }
        let place = (round * 7919 + 13) % bytes.count
        switch round % 4 {
        case 0: bytes.removeSubrange(place...)
        case 1: bytes.insert(contentsOf: bytes[..<place], at: place)
        case 2: bytes[place] ^= 0x80
        default: bytes.remove(at: place)
        }
        return bytes
    }

    @Test func everyFolderBelongsToATarget() throws {
        let targets = Set(FuzzTarget.allCases.map(\.rawValue))
        for kind in ["Targets", "Corpus", "Regressions"] {
            let path = "\(Self.folder)/\(kind)"
            guard FileManager.default.fileExists(atPath: path) else { continue }
            let folders = try FileManager.default.contentsOfDirectory(atPath: path)
            #expect(Set(folders).isSubset(of: targets), "\(kind)")
            if kind != "Regressions" { #expect(Set(folders) == targets, "\(kind)") }
        }
    }
}
