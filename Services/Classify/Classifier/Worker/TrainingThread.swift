import BlockingWork
import MailCore
import MessageGrammar
import Storage

/// Learns on a thread of its own; between `begin` and `finish` it holds the only copy of the model in the making.
actor TrainingThread {
    private nonisolated let thread = BlockingThread(name: "trainer")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private var extractor: FeatureExtractor?
    private var model: SpamModel?

    deinit { thread.stop() }

    func begin(_ model: SpamModel) { self.model = model }

    func learn(_ lessons: [WaitingLesson]) {
        guard var model else { return }
        self.model = nil  // the tables have one owner while they change
        let extractor = self.extractor ?? FeatureExtractor()
        self.extractor = extractor
        for lesson in lessons {
            guard let bytes = lesson.bytes else { continue }
            model.learn(Self.lesson(lesson, extractor.featureSet(of: Self.sample(lesson, bytes))))
        }
        self.model = model
    }

    /// The new model as it is stored, if it shall be; what was learnt since `begin` is forgotten here.
    func finish(storing: Bool) -> [UInt8] {
        defer { (model, extractor) = (nil, nil) }
        return storing ? model.map(ModelFile.encode) ?? [] : []
    }

    private static func lesson(_ lesson: WaitingLesson, _ features: FeatureSet) -> Lesson {
        Lesson(
            features: features, isSpam: lesson.label != .ham, weight: lesson.source.weight,
            source: lesson.source == .operatorTraining ? .sample : .correction, category: lesson.category)
    }

    /// A sample of the operator's has no summary.
    private static func sample(_ lesson: WaitingLesson, _ bytes: [UInt8]) -> MailSample {
        let summary: MessageSummary
        if let stored = try? MessageSummary(decoding: lesson.summary) {
            summary = stored
        } else {
            var scanner = MessageScanner()
            scanner.feed(bytes)
            summary = scanner.finish()
        }
        return MailSample(
            bytes: bytes, summary: summary, origin: lesson.origin,
            hasNullSender: lesson.mail != nil && lesson.envelopeFrom.isEmpty)
    }
}
