import Classifier
import FoundationEssentials
import MailCore
import MessageGrammar

/// Reads labelled mail from `DIRECTORY/<set>/*.eml` and the dates from `DIRECTORY/manifest.csv`.
struct Corpus {
    let directory: String
    private var dates: [String: String] = [:]

    init(directory: String) {
        self.directory = directory
        guard let data = FileManager.default.contents(atPath: directory + "/manifest.csv") else { return }
        // archive,file,label,source,date,bytes,sha256
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n").dropFirst() {
            let columns = line.split(separator: ",", omittingEmptySubsequences: false)
            if columns.count >= 5 { dates[String(columns[1])] = String(columns[4]) }
        }
    }

    /// Messages of a set, by name; CRLF line ends as on the wire.
    func messages(_ set: TrainingSet) -> [(name: String, bytes: [UInt8])] {
        let folder = "\(directory)/\(set.rawValue)"
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".eml") }
        return names.sorted().compactMap { name in
            FileManager.default.contents(atPath: "\(folder)/\(name)").map { (name, Self.wireForm([UInt8]($0))) }
        }
    }

    func mails(_ set: TrainingSet, using extractor: FeatureExtractor) -> [LabelledMail] {
        messages(set).map { name, bytes in
            let sample = Self.sample(bytes)
            extractor.limits = FeatureExtractor.Limits()
            let features = extractor.featureSet(of: sample)
            extractor.limits = .short
            let short = extractor.featureSet(of: sample)
            extractor.limits = FeatureExtractor.Limits()
            let file = "\(set.rawValue)/\(name)"
            return LabelledMail(features: features, short: short, source: set, order: (dates[file] ?? "") + name)
        }
    }

    static func sample(_ bytes: [UInt8]) -> MailSample {
        var scanner = MessageScanner()
        bytes.withUnsafeBytes { scanner.feed($0) }
        return MailSample(bytes: Array(bytes.prefix(MailSample.maximumBytes)), summary: scanner.finish())
    }

    private static func wireForm(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + bytes.count / 30)
        var previous: UInt8 = 0
        for byte in bytes {
            if byte == 10, previous != 13 { output.append(13) }
            output.append(byte)
            previous = byte
        }
        return output
    }
}
