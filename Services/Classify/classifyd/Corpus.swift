import Classifier
import FoundationEssentials
import MailCore
import MessageGrammar

/// Reads labelled mail from `DIRECTORY/<set>/*.eml` and the dates from `DIRECTORY/manifest.csv`.
struct Corpus {
    let directory: String
    private var dates: [String: String] = [:]
    private var categories: [String: Verdict.Category] = [:]

    init(directory: String) {
        self.directory = directory
        guard let data = FileManager.default.contents(atPath: directory + "/manifest.csv") else { return }
        // archive,file,label,source,date,bytes,sha256
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n").dropFirst() {
            let columns = line.split(separator: ",", omittingEmptySubsequences: false)
            if columns.count >= 5 { dates[String(columns[1])] = String(columns[4]) }
        }
        // file,category
        let kinds = FileManager.default.contents(atPath: directory + "/modern-ham-categories.csv") ?? Data()
        for line in String(decoding: kinds, as: UTF8.self).split(whereSeparator: \.isNewline).dropFirst() {
            let columns = line.split(separator: ",", omittingEmptySubsequences: false)
            if columns.count == 2 { categories[String(columns[0])] = Self.category(columns[1]) }
        }
    }

    private static func category(_ name: Substring) -> Verdict.Category? {
        switch name {
        case "promotions": .promotion
        case "updates": .transaction
        case "newsletters": .newsletter
        case "personal": .personal
        case "social": .notification
        case "forums": .forum
        default: nil
        }
    }

    /// Messages of a set, by name; CRLF line ends as on the wire.
    func messages(_ set: TrainingSet) -> [(name: String, bytes: [UInt8])] {
        let folder = "\(directory)/\(set.rawValue)"
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
            $0.hasSuffix(".eml")
        }
        return names.sorted().compactMap { name in
            FileManager.default.contents(atPath: "\(folder)/\(name)").map {
                (name, Self.wireForm(Placeholders.neutralised([UInt8]($0))))
            }
        }
    }

    func mails(_ set: TrainingSet, using extractor: FeatureExtractor) -> [LabelledMail] {
        guard let label = set.label else { return seeds(using: extractor) }
        return messages(set).map { name, bytes in
            let order = (dates["\(set.rawValue)/\(name)"] ?? "") + name
            var mail = Self.labelled(bytes, set, label, order: order, using: extractor)
            mail.category = categories["\(set.rawValue)/\(name)"] ?? set.category
            return mail
        }
    }

    private func seeds(using extractor: FeatureExtractor) -> [LabelledMail] {
        let data = FileManager.default.contents(atPath: "\(directory)/seeds.tsv") ?? Data()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { Seed($0) }.flatMap { seed in
            [seed.plain, seed.html].map { bytes in
                var mail = Self.labelled(bytes, .seeds, seed.label, order: seed.subject, using: extractor)
                mail.category = seed.category
                return mail
            }
        }
    }

    private static func labelled(
        _ bytes: [UInt8], _ set: TrainingSet, _ label: Verdict.Label, order: String, using extractor: FeatureExtractor
    ) -> LabelledMail {
        let sample = sample(bytes)
        let features = extractor.featureSet(of: sample)
        extractor.limits = .short
        let short = extractor.featureSet(of: sample)
        extractor.limits = FeatureExtractor.Limits()
        return LabelledMail(features: features, short: short, source: set, label: label, order: order)
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
