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
        categories(mails)
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
        if result.wantedCount > 0, result.unwantedCount > 0 {
            text += "; 1-AUC \(percent(result.areaAbove))"
            text += "; found at 1% false positives: \(percent(result.recall(atFalsePositives: 0.01)))"
        }
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
            // The seeds are always learnt and never measured: each is there in two forms.
            let isLearnt = { (index: Int, mail: LabelledMail) in index % 3 != fold || mail.source == .seeds }
            let model = SnapshotTrainer().train(
                order.enumerated().filter { isLearnt($0.offset, $0.element) }.map(\.element))
            for mail in order.enumerated().filter({ !isLearnt($0.offset, $0.element) }).map(\.element) {
                let (score, isSpam) = (model.logOdds(mail.features), model.isSpam(mail.features))
                results[mail.source, default: Evaluation()].add(logOdds: score, saysSpam: isSpam, isSpam: mail.isSpam)
                all.add(logOdds: score, saysSpam: isSpam, isSpam: mail.isSpam)
            }
        }
        for set in TrainingSet.allCases { if let result = results[set] { line(set.rawValue, result) } }
        line("all", all)
    }

    /// How fast the shipped model learns a server's own mail: the unseen sources, mixed by chance in five orders. A
    /// user tells only what went wrong (a move into or out of Junk); `martlet train` tells everything.
    private func learningCurve(_ mails: [LabelledMail], _ model: SpamModel) {
        let unseen = mails.filter { !$0.source.isForTraining }
        let known = mails.filter(\.source.isForTraining)
        for (source, name) in [(Lesson.Source.correction, "what went wrong"), (.sample, "everything")] {
            Swift.print("\n5. The shipped model learns from the unseen sources, told \(name); sums of five orders")
            var parts = [Evaluation](repeating: Evaluation(), count: Self.curve.count)
            var lessons = 0
            for seed in 0..<UInt64(5) {
                var generator = SeededGenerator(seed: 7 + seed)
                var learner = model
                for (index, mail) in unseen.shuffled(using: &generator).enumerated() {
                    let part = Self.curve.firstIndex { index < $0 } ?? 0
                    let said = learner.isSpam(mail.features)
                    parts[part].add(
                        logOdds: learner.logOdds(mail.features), saysSpam: said, isSpam: mail.isSpam)
                    guard source == .sample || said != mail.isSpam else { continue }
                    let weight = source == .correction && !mail.isSpam ? 1.5 : 1
                    learner.learn(
                        Lesson(features: mail.features, isSpam: mail.isSpam, weight: weight, source: source))
                    lessons += 1
                }
                if seed == 0 { line("known sources after the first order", .measure(learner, known)) }
            }
            for (part, end) in zip(parts, Self.curve) { line("up to mail \(end)", part) }
            Swift.print("   lessons: \(lessons / 5) of \(unseen.count) mails")
        }
    }

    private static let curve = [50, 100, 200, 300, 600, 1000, 1829]

    /// Mail with a category that somebody gave it, by models that have not seen it.
    private func categories(_ mails: [LabelledMail]) {
        Swift.print("\n6. Categories: right, wrong, none")
        var generator = SeededGenerator(seed: 7)
        let known = mails.filter { $0.category != nil && $0.source.isForTraining }.shuffled(using: &generator)
        var counts: [String: (right: Int, wrong: Int, none: Int)] = [:]
        func count(_ name: String, _ said: Verdict.Category?, _ truth: Verdict.Category?) {
            counts[name, default: (0, 0, 0)].right += said == truth ? 1 : 0
            counts[name, default: (0, 0, 0)].wrong += said != nil && said != truth ? 1 : 0
            counts[name, default: (0, 0, 0)].none += said == nil ? 1 : 0
        }
        for fold in 0..<3 {
            let model = SnapshotTrainer().trainCategories(
                known.enumerated().filter { $0.offset % 3 != fold }.map(\.element))
            for mail in known.enumerated().filter({ $0.offset % 3 == fold }).map(\.element) {
                let said = model.category(mail.features)
                guard mail.source == .modernHam, let truth = mail.category else { continue }
                count("\(mail.source.rawValue) \(truth)", said, truth)
                count("\(mail.source.rawValue) all", said, truth)
            }
        }
        let model = SnapshotTrainer().trainCategories(known)
        for mail in mails where mail.source == .enron {
            count(mail.source.rawValue, model.category(mail.features), .personal)
        }
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
            Swift.print("   \(name): \(count.right), \(count.wrong), \(count.none)")
        }
    }

    func speed(_ model: SpamModel) {
        Swift.print("\n7. Speed, one thread: features, score and reasons from the stored bytes and summary")
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
