import Classifier
import Glibc
import MailCore

/// The figures of docs/ai.md.
struct EvaluationReport {
    private let corpus: Corpus

    init(_ corpus: Corpus) { self.corpus = corpus }

    func print() throws {
        let mails = try ModelCommand.read(corpus, TrainingSet.allCases)
        let training = mails.filter(\.source.isForTraining)
        Swift.print("\n1. The shipped model on sources that it has not seen")
        let model = SnapshotTrainer().train(training)
        line(TrainingSet.enron.rawValue, .measure(model, mails.filter { $0.source == .enron }))
        line(TrainingSet.phishingPot.rawValue, .measure(model, mails.filter { $0.source == .phishingPot }))
        line("both", .measure(model, mails.filter { !$0.source.isForTraining }))
        Swift.print("\n2. Unseen mail of known sources (trained on 2 of 3, chosen by chance)")
        crossValidate(training)
        Swift.print("\n3. Whole sources left out")
        for held in [
            [TrainingSet.modernHam, .modernSpam], [.syntheticBusiness, .scam],
            [.spamassassinHardHam, .nazarioPhishing],
        ] {
            let model = SnapshotTrainer().train(training.filter { !held.contains($0.source) })
            line(
                held.map(\.rawValue).joined(separator: " + "),
                .measure(model, training.filter { held.contains($0.source) }))
        }
        Swift.print("\n4. SpamAssassin in the order of time, from an empty model, told the truth after each mail")
        let spamassassin = training.filter {
            [.spamassassinHam, .spamassassinHardHam, .spamassassinSpam].contains($0.source)
        }
        line("all", .prequential(spamassassin.sorted { $0.order < $1.order }))
        learningCurve(mails, model)
        speed(model)
    }

    private func line(_ name: String, _ result: Evaluation) {
        var text = "   \(name):"
        if result.wantedCount > 0 {
            text += " false positives \(result.falsePositives) of \(result.wantedCount) ham"
            text += " (\(percent(Double(result.falsePositives) / Double(result.wantedCount))))"
        }
        if result.unwantedCount > 0 {
            text += result.wantedCount > 0 ? ";" : ""
            text += " false negatives \(result.falseNegatives) of \(result.unwantedCount) spam"
            text += " (\(percent(Double(result.falseNegatives) / Double(result.unwantedCount))))"
        }
        if result.wantedCount > 0, result.unwantedCount > 0 { text += "; 1-AUC \(percent(result.areaAbove))" }
        Swift.print(text)
    }

    private func percent(_ share: Double) -> String {
        let thousandths = Int((share * 100_000).rounded())
        let fraction = String(1000 + thousandths % 1000).dropFirst()
        return "\(thousandths / 1000).\(fraction)%"
    }

    private func crossValidate(_ mails: [LabelledMail]) {
        var generator = SeededGenerator(seed: 7)
        let order = mails.shuffled(using: &generator)
        var results: [TrainingSet: Evaluation] = [:]
        var all = Evaluation()
        for fold in 0..<3 {
            let model = SnapshotTrainer().train(order.enumerated().filter { $0.offset % 3 != fold }.map(\.element))
            for mail in order.enumerated().filter({ $0.offset % 3 == fold }).map(\.element) {
                let (score, isSpam) = (model.logOdds(mail.features), model.isSpam(mail.features))
                results[mail.source, default: Evaluation()].add(logOdds: score, saysSpam: isSpam, isSpam: mail.isSpam)
                all.add(logOdds: score, saysSpam: isSpam, isSpam: mail.isSpam)
            }
        }
        for set in TrainingSet.allCases { if let result = results[set] { line(set.rawValue, result) } }
        line("all", all)
    }

    /// How fast the shipped model learns a server's own mail: the unseen sources, mixed by chance.
    private func learningCurve(_ mails: [LabelledMail], _ model: SpamModel) {
        Swift.print("\n5. The shipped model learns from the unseen sources, mail by mail, scored before it learns")
        var generator = SeededGenerator(seed: 7)
        let order = mails.filter { !$0.source.isForTraining }.shuffled(using: &generator)
        var learner = model
        var part = Evaluation()
        for (index, mail) in order.enumerated() {
            let features = mail.features
            part.add(
                logOdds: learner.logOdds(features), saysSpam: learner.isSpam(features), isSpam: mail.isSpam)
            learner.learn(Lesson(features: features, isSpam: mail.isSpam))
            if [100, 300, 600, 1000, order.count].contains(index + 1) {
                line("up to mail \(index + 1)", part)
                part = Evaluation()
            }
        }
    }

    func speed(_ model: SpamModel) {
        Swift.print("\n6. Speed, one thread: features, score and reasons from the stored bytes and summary")
        let extractor = FeatureExtractor()
        let all = [TrainingSet.modernHam, .modernSpam, .spamassassinHardHam, .spamassassinHam]
            .flatMap { corpus.messages($0).prefix(200) }.map(\.bytes)
        for (name, range) in [("all", 0..<Int.max), ("15 to 25 KB", 15_000..<25_000)] {
            let samples = all.filter { range.contains($0.count) }.map(Corpus.sample)
            guard !samples.isEmpty else { continue }
            let times = (0..<5).map { _ -> Int in
                let started = processorTime()
                for sample in samples { _ = model.verdict(of: sample, version: 1, using: extractor) }
                return processorTime() - started
            }
            let microseconds = times.sorted()[2] / samples.count / 1000
            let bytes = all.filter { range.contains($0.count) }.reduce(0) { $0 + $1.count } / samples.count
            Swift.print("   \(name): \(samples.count) mails of \(bytes) bytes on average, \(microseconds) us a mail")
        }
    }
}

/// Nanoseconds of processor time of this thread: what a mail costs, whatever else the machine does.
private func processorTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
