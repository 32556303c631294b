import Classifier
import FoundationEssentials
import Glibc
import MailCore

/// The maintenance commands of the binary: make the snapshot, measure it.
enum ModelCommand {
    case train(directory: String, output: String)
    case evaluate(directory: String)

    static let help = """
        Maintenance, without database or broker (DIR holds one folder of .eml files per collection, see docs/ai.md):
          martlet-classifyd --train-snapshot DIR --output FILE    makes the snapshot
          martlet-classifyd --evaluate DIR                        measures the method on mail it has not seen
        """

    /// `nil`: these arguments are not for us.
    init?(_ arguments: [String]) {
        if arguments.count == 4, arguments[0] == "--train-snapshot", arguments[2] == "--output" {
            self = .train(directory: arguments[1], output: arguments[3])
        } else if arguments.count == 2, arguments[0] == "--evaluate" {
            self = .evaluate(directory: arguments[1])
        } else {
            return nil
        }
    }

    func runAndExit() -> Never {
        do {
            switch self {
            case .train(let directory, let output): try Self.train(directory, output)
            case .evaluate(let directory): try EvaluationReport(Corpus(directory: directory)).print()
            }
            exit(0)
        } catch {
            print("martlet-classifyd: \(error)")
            exit(1)
        }
    }

    private static func train(_ directory: String, _ output: String) throws {
        let mails = try read(Corpus(directory: directory), TrainingSet.allCases.filter(\.isForTraining))
        let model = SnapshotTrainer().train(mails) { print($0) }
        let bytes = ModelFile.encode(model)
        try Data(bytes).write(to: URL(fileURLWithPath: output))
        print("\(output): \(bytes.count) bytes from \(mails.count) mails")
    }

    struct NoMail: Error, CustomStringConvertible {
        let directory: String
        var description: String { "found no mail below \(directory)" }
    }

    static func read(_ corpus: Corpus, _ sets: [TrainingSet]) throws -> [LabelledMail] {
        let extractor = FeatureExtractor()
        let mails = sets.flatMap { set -> [LabelledMail] in
            let mails = corpus.mails(set, using: extractor)
            print("\(set.rawValue): \(mails.count)")
            return mails
        }
        guard !mails.isEmpty else { throw NoMail(directory: corpus.directory) }
        return mails
    }
}
