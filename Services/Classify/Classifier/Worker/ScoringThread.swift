import BlockingWork
import MailCore
import MessageGrammar
import Storage

/// Judges mails on a thread of its own: some tenths of a millisecond of pure computing per mail belong neither on the
/// cooperative pool nor on an event loop. Keeps the buffers of feature extraction.
actor ScoringThread {
    private nonisolated let thread: BlockingThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private let extractor = FeatureExtractor()

    init(number: Int) { thread = BlockingThread(name: "score-\(number)") }

    deinit { thread.stop() }

    func judge(_ mails: ArraySlice<ClassifyMail>, with loaded: ModelKeeper.Loaded) -> [(mail: MailID, verdict: Verdict)]
    {
        mails.map { mail in
            let sample = MailSample(
                bytes: mail.bytes, summary: Self.summary(mail), origin: mail.origin,
                hasNullSender: mail.envelopeFrom.isEmpty)
            return (mail.mail, loaded.model.verdict(of: sample, version: loaded.version, using: extractor))
        }
    }

    /// A summary of another version, or a damaged one, is made again from the bytes that are there.
    private static func summary(_ mail: ClassifyMail) -> MessageSummary {
        if let summary = try? MessageSummary(decoding: mail.summary) { return summary }
        var scanner = MessageScanner()
        scanner.feed(mail.bytes)
        return scanner.finish()
    }
}
